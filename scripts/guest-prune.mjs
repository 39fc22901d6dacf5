// What checkouts that moved on leave in the cache: guests, kernels and images of recipes that have changed since, and the work of
// builds that nobody took up again.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory } from './guest-steps.mjs'

/** The file of a folder that is written last, and touched when the folder is used. */
export const marks = ['guest.json', 'kernel.json', 'image.json']

/** Of each kind so many stay: those that were used last. */
const keptOfEach = 2

/** What was used in this time stays: a month. */
const keptMs = 30 * 24 * 60 * 60 * 1000

/**
 * Removes what is old: not among `wanted` (names of folders), not one of the last two of its kind, not used within a month, and not named
 * by a process, as QEMU names the kernel it loads. Returns the names of what went. Only under the lock of the cache.
 */
export function pruneCache(wanted, nowMs = Date.now()) {
  const cache = cacheDirectory()
  const workFolder = join(cache, 'work')
  mkdirSync(workFolder, { recursive: true })
  const running = commandLines()
  const kept = new Set(wanted)
  const isOld = ({ path, name, usedMs }) => !kept.has(name) && nowMs - usedMs > keptMs && !running.includes(`${path}/`)

  const built = byKind(foldersIn(cache).filter(({ isBuilt }) => isBuilt))
  // A guest names the images that its recipes give: those stay with it.
  const guests = built.get('386') ?? []
  const oldGuests = guests.slice(keptOfEach).filter(isOld)
  for (const guest of guests) if (!oldGuests.includes(guest)) for (const name of imagesOf(guest.path)) kept.add(name)
  built.delete('386')
  const others = [...built.values()].flatMap((kind) => kind.slice(keptOfEach).filter(isOld))
  const work = foldersIn(workFolder).filter(isOld)

  for (const { path, name } of [...oldGuests, ...others, ...work]) {
    // At once, for whoever looks for a guest at this moment.
    const aside = join(workFolder, `${name}.old`)
    renameSync(path, aside)
    rmSync(aside, { recursive: true })
  }
  return [...oldGuests, ...others, ...work].map(({ name }) => name)
}

function foldersIn(folder) {
  return readdirSync(folder).flatMap((name) => {
    if (!name.startsWith('386-')) return []
    const path = join(folder, name)
    const mark = marks.map((file) => join(path, file)).find((file) => existsSync(file))
    return [{ path, name, isBuilt: mark !== undefined, usedMs: statSync(mark ?? path).mtimeMs }]
  })
}

/** The folders of each kind (`386`, `386-kernel`, `386-image-python`), the last used first. */
function byKind(folders) {
  const kinds = new Map()
  for (const folder of folders.sort((a, b) => b.usedMs - a.usedMs)) {
    const kind = folder.name.replace(/-[0-9a-f]+$/, '')
    kinds.set(kind, [...(kinds.get(kind) ?? []), folder])
  }
  return kinds
}

function imagesOf(guest) {
  const { recipes } = JSON.parse(readFileSync(join(guest, 'guest.json'), 'utf8'))
  return recipes.map(({ reference, key }) => `386-image-${reference}-${key}`)
}

/** What every process of this machine was started with, as far as it can be seen. */
function commandLines() {
  const lines = readdirSync('/proc').map((name) => {
    try {
      return /^\d+$/.test(name) ? readFileSync(join('/proc', name, 'cmdline'), 'utf8') : ''
    } catch {
      // It ended meanwhile, or belongs to somebody whose processes are hidden.
      return ''
    }
  })
  return lines.join('\n')
}
