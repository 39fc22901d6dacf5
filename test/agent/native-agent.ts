// The guest's agent, built for this machine with the address and undefined-behaviour sanitizers, serving sessions over sockets
// instead of virtio ports: every rule of the protocol without a virtual machine.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = `${root}build/agent`

/** Why the agent cannot run here, or null. */
export function nativeAgentRefusal(): string | null {
  if (process.platform !== 'linux') return 'the agent is a Linux program'
  const probe = spawnSync('make', ['--version'])
  const compiler = spawnSync('gcc', ['--version'])
  return probe.status === 0 && compiler.status === 0 ? null : 'make and gcc are not installed'
}

/** Builds it when a source is newer, and gives its path. */
export function buildNativeAgent(): string {
  const made = spawnSync('make', ['-C', `${root}guest/agent`, `OUT=${folder}`, 'native'], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`the agent does not build:\n${made.stdout}${made.stderr}`)
  return `${folder}/boxlite-agent-native`
}

export interface NativeAgent {
  readonly process: ChildProcess
  /** One per session. */
  readonly channels: readonly Socket[]
  /** Resolves at its end: the exit status (null: killed), and what it and the sanitizers complained about. */
  readonly ended: Promise<{ readonly status: number | null; readonly complaints: string }>
}

export interface NativeAgentOptions {
  readonly sessions?: number
  /** The root of everything it does. */
  readonly root?: string
  /** A cgroup2 directory for the programs' groups. */
  readonly cgroup?: string
  /** A directory on the one file system that FREEZE freezes. */
  readonly disk?: string
  /** How long it stays frozen at most; by default as the protocol says. */
  readonly thawAfterMs?: number
  /** A shared object that takes the place of functions of the C library. */
  readonly preload?: string
}

/** Starts an agent that serves `sessions` sessions until all their channels are closed. */
export function startNativeAgent(options: NativeAgentOptions = {}): NativeAgent {
  const count = options.sessions ?? 1
  const descriptors = Array.from({ length: count }, (_, index) => 3 + index)
  const words = descriptors.map((fd) => `--fd=${fd}`)
  const { root: rootDirectory, cgroup, disk, thawAfterMs, preload } = options
  const named = { root: rootDirectory, cgroup, disk, 'thaw-after': thawAfterMs }
  for (const [name, value] of Object.entries(named)) if (value !== undefined) words.push(`--${name}=${value}`)
  // The sanitizer looks for leaks in /proc, which another root does not have.
  const leaks = rootDirectory === undefined ? {} : { ASAN_OPTIONS: 'detect_leaks=0' }
  // The sanitizer wants to be first, which it need not be.
  const loaded = preload === undefined ? {} : { LD_PRELOAD: preload, ASAN_OPTIONS: 'verify_asan_link_order=0' }
  const env = { ...process.env, ...leaks, ...loaded }
  const child = spawn(buildNativeAgent(), words, { env, stdio: ['ignore', 'ignore', 'pipe', ...descriptors.map(() => 'pipe' as const)] })
  let complaints = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaints += text))
  const ended = new Promise<{ status: number | null; complaints: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, complaints }))
  })
  return { process: child, channels: descriptors.map((fd) => child.stdio[fd] as Socket), ended }
}
