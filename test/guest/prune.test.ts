// What is removed from the cache of guests, and what never is.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { pruneCache } from '../../scripts/guest-prune.mjs'

const DAY_MS = 24 * 60 * 60 * 1000
const now = Date.now()

let cache = ''
beforeEach((context) => {
  if (process.platform !== 'linux') context.skip('guests are built on Linux alone')
  cache = mkdtempSync(join(tmpdir(), 'boxlite-prune-'))
  vi.stubEnv('BOXLITE_GUEST_CACHE', cache)
})
afterEach(() => {
  vi.unstubAllEnvs()
  if (cache !== '') rmSync(cache, { recursive: true })
})

/** A folder of the cache that was used so many days ago. */
function make(name: string, mark: string, daysAgo: number, text = '{}'): string {
  const folder = join(cache, name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, mark)
  writeFileSync(file, text)
  const at = new Date(now - daysAgo * DAY_MS)
  utimesSync(file, at, at)
  return name
}

const key = (digit: string): string => digit.repeat(16)

const guest = (digit: string, daysAgo: number, python = '0'): string =>
  make(`386-${key(digit)}`, 'guest.json', daysAgo, JSON.stringify({ recipes: [{ reference: 'python', key: key(python) }] }))

const prune = (wanted: string[] = []): string[] => (pruneCache(wanted, now) as string[]).sort()

describe('what was not used for long', () => {
  it('goes, but for the last two of each kind and what was used within a month', () => {
    const kernel = (digit: string, daysAgo: number): string => make(`386-kernel-${key(digit)}`, 'kernel.json', daysAgo)
    const stay = [guest('1', 100), guest('2', 101), kernel('1', 400), kernel('2', 401)]
    const go = [guest('3', 102), guest('4', 103), kernel('3', 402)]
    expect(prune()).toEqual(go.sort())
    expect(readdirSync(cache).sort()).toEqual([...stay, 'work'].sort())
    expect(readdirSync(join(cache, 'work'))).toEqual([])
    expect(prune()).toEqual([])
  })

  it('stays within a month, however many there are', () => {
    for (const digit of ['1', '2', '3', '4', '5']) guest(digit, 29)
    expect(prune()).toEqual([])
  })

  it('stays where this checkout wants it, and the image that a guest which stays names', () => {
    const wanted = guest('9', 900, '9')
    guest('1', 100)
    guest('2', 101)
    const named = make(`386-image-python-${key('9')}`, 'image.json', 900)
    for (const digit of ['1', '2', '3']) make(`386-image-python-${key(digit)}`, 'image.json', 100 + Number(digit))
    expect(prune([wanted])).toEqual([`386-image-python-${key('3')}`])
    expect([existsSync(join(cache, wanted)), existsSync(join(cache, named))]).toEqual([true, true])
  })

  it('stays while a process names it', async () => {
    guest('1', 100)
    guest('2', 101)
    const used = guest('3', 102)
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()', join(cache, used, 'bzImage')], { stdio: ['pipe', 'ignore', 'inherit'] })
    const ended = new Promise((resolve) => child.once('close', resolve))
    try {
      await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
      expect(prune()).toEqual([])
    } finally {
      child.stdin.end()
      await ended
    }
    expect(prune()).toEqual([used])
  })

  it('is also the work of a build that nobody took up again, and only that', () => {
    const old = new Date(now - 40 * DAY_MS)
    for (const name of [`386-kernel-${key('1')}`, `386-kernel-${key('2')}`, 'apt-i386']) {
      const folder = join(cache, 'work', name)
      mkdirSync(folder, { recursive: true })
      if (!name.endsWith(key('2'))) utimesSync(folder, old, old)
    }
    expect(prune()).toEqual([`386-kernel-${key('1')}`])
    expect(readdirSync(join(cache, 'work')).sort()).toEqual([`386-kernel-${key('2')}`, 'apt-i386'])
  })
})
