// What every script here needs: where the repository is, and running a command in it.
// Only node: modules, because these scripts run before anything is installed.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The repository's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** A tool that a development dependency brings, as a path for `run`. */
export const tool = (name) => `${root}node_modules/.bin/${name}`

/** Runs a command in the repository with our input and output; resolves with its exit code (128 + n for a signal). */
export function run(command, args, { env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal] ?? 0)))
  })
}

const signalNumbers = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }

/** The time since `start` (of `performance.now()`) for a person: `0.4 s`, `3 min 05 s`. */
export function elapsed(start) {
  const seconds = (performance.now() - start) / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${String(Math.floor(seconds % 60)).padStart(2, '0')} s`
}
