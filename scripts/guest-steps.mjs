// What the steps of a guest's build share: where they keep things, telling how far they are, running tools, and one build at a time.
// Only node: modules: these scripts travel in the guest package too, and build images where nothing else is installed.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds `guest/` and `scripts/`: the repository, or `build/` of the guest package. */
export const base = fileURLToPath(new URL('..', import.meta.url))

/** Every time in what is built: the first second of 2026. */
export const epochSeconds = 1767225600

/** Where guests are built and kept; the same rule as in hosts/node/guest-assets.ts. */
export function cacheDirectory() {
  const { BOXLITE_GUEST_CACHE: own, XDG_CACHE_HOME: shared } = process.env
  return resolve(own || join(shared || join(homedir(), '.cache'), 'boxlite', 'guest'))
}

/** An end of the build that a person can do something about; told without a stack. */
export class BuildError extends Error {}

/** Runs one step and says what it is, how long it is expected to take and how long it took. `work` gets a function that tells how far it is. */
export async function step(what, expectedSeconds, work) {
  const start = performance.now()
  console.log(`guest: ${what} (about ${duration(expectedSeconds)} on two idle cores)`)
  let told = start
  const tell = (how) => {
    const now = performance.now()
    if (now - told < 15_000) return
    told = now
    console.log(`guest:   ${how()}, ${duration((now - start) / 1000)} so far`)
  }
  const result = await work(tell)
  console.log(`guest:   done in ${duration((performance.now() - start) / 1000)}`)
  return result
}

/** A time for a person: `4 s`, `3 min 05 s`. */
export function duration(seconds) {
  const whole = Math.max(1, Math.round(seconds))
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}

/** Runs a tool and resolves with its output. Where it fails, its last lines are the error. `onLine` sees each line as it comes. */
export function execute(command, args, { cwd, env = {}, onLine = () => {} } = {}) {
  return new Promise((fulfil, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, LC_ALL: 'C', ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    const last = []
    child.stdout.setEncoding('utf8').on('data', (text) => output.push(text))
    for (const stream of [child.stdout, child.stderr]) {
      let rest = ''
      stream.setEncoding('utf8').on('data', (text) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop()
        for (const line of lines) {
          onLine(line)
          last.push(line)
          if (last.length > 20) last.shift()
        }
      })
    }
    child.once('error', (cause) => reject(new BuildError(`${command} cannot be run: ${cause.message}`, { cause })))
    child.once('close', (code, signal) => {
      if (code === 0) fulfil(output.join(''))
      else reject(new BuildError(`${command} failed (${signal ?? `exit code ${code}`}):\n${last.join('\n')}`))
    })
  })
}

/** SHA-256 over files and folders by name and content, without what a build leaves there; 16 hexadecimal digits are enough for a name. */
export function keyOf(paths, extra = '') {
  const hash = createHash('sha256').update(extra)
  for (const path of paths) {
    for (const file of filesUnder(path)) {
      const bytes = readFileSync(file)
      hash.update(`${file.slice(dirname(path).length)}\0${bytes.length}\0`).update(bytes)
    }
  }
  return hash.digest('hex').slice(0, 16)
}

function filesUnder(path) {
  if (statSync(path).isFile()) return [path]
  const names = readdirSync(path).filter((name) => !['build', 'out'].includes(name) && !name.startsWith('.'))
  return names.sort().flatMap((name) => filesUnder(join(path, name)))
}

/** `{ file, bytes, sha256 }` of a file, as guest.json has it. */
export function fileEntry(path) {
  const bytes = readFileSync(path)
  return { file: path.slice(dirname(path).length + 1), bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** An empty folder `path`; what an interrupted build left there goes. */
export function emptyFolder(path) {
  rmSync(path, { recursive: true, force: true })
  mkdirSync(path, { recursive: true })
  return path
}

/** Fills a folder and puts it in its place at once: whoever looks there sees all of it or nothing. */
export async function publish(path, fill) {
  const work = emptyFolder(join(cacheDirectory(), 'work', `${path.slice(dirname(path).length + 1)}.new`))
  await fill(work)
  rmSync(path, { recursive: true, force: true })
  renameSync(work, path)
}

/** Refuses before anything was done when the cache has less room than `needed` bytes. */
export function requireRoom(neededBytes) {
  const cache = cacheDirectory()
  const { bavail, bsize } = statfsSync(cache)
  const gigabytes = (bytes) => (bytes / 1e9).toFixed(1)
  if (bavail * bsize >= neededBytes) return
  throw new BuildError(
    `${cache} has ${gigabytes(bavail * bsize)} GB free and the build needs ${gigabytes(neededBytes)} GB for a while; ` +
      'name a folder with more room in BOXLITE_GUEST_CACHE',
  )
}

/**
 * Runs this script again under flock(1), so that one build works in the cache at a time; resolves with the exit code.
 * The lock is the kernel's, and the tools that a build started hold it too: a build that was killed leaves nothing to clean up,
 * and a new one waits for what is still running of it.
 */
export async function runLocked(script, args) {
  const cache = cacheDirectory()
  mkdirSync(cache, { recursive: true })
  const again = (options) => inherit('flock', [...options, join(cache, 'lock'), process.execPath, script, ...args])
  const taken = 75
  const code = await again(['--nonblock', '--conflict-exit-code', String(taken)])
  if (code !== taken) return code
  console.log('guest: another build is at work in the same cache; waiting for it')
  return again([])
}

const lockedVariable = 'BOXLITE_GUEST_LOCKED'

/** Whether this process is the one under the lock. */
export const isLocked = () => process.env[lockedVariable] === cacheDirectory()

function inherit(command, args) {
  return new Promise((fulfil, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, [lockedVariable]: cacheDirectory() } })
    child.once('error', (cause) => reject(new BuildError(`${command} cannot be run: ${cause.message}`, { cause })))
    // A Ctrl-C reaches the whole group: it ends with the signal, and so do we.
    child.once('exit', (code, signal) => fulfil(code ?? (signal === 'SIGINT' ? 130 : 143)))
  })
}

/**
 * Runs the work of the script `url` under the lock and sets the exit code; what a person can help is told without a stack.
 * `refuse` says, before anything is done, why it cannot be done here.
 */
export async function main(url, refuse, work) {
  try {
    const why = refuse()
    if (why !== null) throw new BuildError(why)
    if (isLocked()) await work(process.argv.slice(2))
    else process.exitCode = await runLocked(fileURLToPath(url), process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    console.error(`guest: ${error.message}`)
    process.exitCode = 1
  }
}
