// Runs the built command in a child process, as a shell would.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

export const mainPath = fileURLToPath(new URL('../../dist/hosts/node/cli/main.js', import.meta.url))

export interface Ran {
  readonly code: number | null
  readonly stdout: Buffer
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly input?: Uint8Array | string
  readonly env?: Readonly<Record<string, string>>
}

/** An environment of which only what matters is kept, so that a home of the person who runs the tests is never touched. */
export function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], TZ: 'UTC', BOXLITE_HOME: '/nonexistent/boxlite', ...more }
}

export function startCli(args: readonly string[], options: RunOptions = {}): ChildProcess {
  return spawn(process.execPath, [mainPath, ...args], { cwd: options.cwd, env: environment(options.env), stdio: 'pipe' })
}

export async function runCli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = startCli(args, options)
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout!.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr!.on('data', (chunk: Buffer) => err.push(chunk))
  // A command that does not read its input may close it first.
  child.stdin!.on('error', () => undefined)
  child.stdin!.end(options.input ?? '')
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  const stdout = Buffer.concat(out)
  return { code, stdout, out: stdout.toString(), err: Buffer.concat(err).toString() }
}

/** Runs a program of the system, above all qemu-img, and gives its exit code too. */
export async function runProgram(program: string, args: readonly string[], cwd: string): Promise<{ code: number; out: string; err: string }> {
  return await new Promise((resolve, reject) => {
    execFile(program, args, { cwd, maxBuffer: 64 << 20 }, (error, out, err) => {
      if (error !== null && typeof error.code !== 'number') reject(error)
      else resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

/** A directory for one file of tests, removed after them. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'boxlite-cli-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
