// Examples, run as a person runs them: with node, in a home of their own.
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guestCache } from '../../hosts/node/guest-assets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Example {
  readonly child: ChildProcess
  /** What it said so far. */
  said(): string
  /** Resolves with all it said, once that matches; rejects where it ends without. */
  until(pattern: RegExp): Promise<string>
  /** Resolves with its exit code when it ended. */
  readonly ended: Promise<number | null>
}

export function runExample(file: string, args: readonly string[], home: string): Example {
  const env = { ...process.env, BOXLITE_HOME: home, BOXLITE_GUEST_CACHE: guestCache() }
  const child = spawn(process.execPath, [join(root, 'examples', file), ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  const until = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(text)) resolve(text)
      }
      for (const stream of [child.stdout, child.stderr]) stream.on('data', look)
      child.once('close', () => reject(new Error(`It ended, and said:\n${text}`)))
      look()
    })
  return { child, said: () => text, until, ended }
}
