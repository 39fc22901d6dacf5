// A process that waits to be let go before it becomes QEMU: its id and start time have to stand in the box's record before the
// disk is opened, and stay what they are when the shell gives way to QEMU.
//
//   setpriv --pdeathsig KILL --no-new-privs   where the system has it
//     bwrap --die-with-parent ...             where it works: the rest is a process that it starts, and says which
//       sh: sets limits, waits for a line     end of file instead: the owner is gone, and so is this
//         exec qemu-system-i386 ...           the same process id
//
// Where neither works, a second shell waits at a pipe of its own: its end without a word is the owner's death.

import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { basename } from 'node:path'
import { BoxLiteError } from '../../../src/error.ts'
import { identifyProcess, type ProcessIdentity } from '../process-identity.ts'
import { bubblewrapArguments, type Enclosure } from './bubblewrap.ts'
import { withoutInherited } from './inheritable.ts'
import type { MachineProcess, ProcessEnd } from './machine-process.ts'

/** How a process is to run. */
export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  readonly directory: string
  /** It lives on when this program ends. */
  readonly detach: boolean
  /** Path of `setpriv` where it works, or null. */
  readonly setpriv: string | null
  /** A file system of its own, and the path of the `bwrap` that makes it; or null. */
  readonly enclosure: (Enclosure & { readonly bubblewrap: string }) | null
  /** Most bytes of address space. */
  readonly addressSpaceBytes: number
}

// A chain has at most 1,000 layers, each of them a file.
const OPEN_FILES = 2048
// Where bubblewrap says which process it started; or what the watcher waits at.
const EXTRA_DESCRIPTOR = 3
const COMPLAINT_LIMIT_BYTES = 16 * 1024
// It takes some milliseconds; a host may be busy.
const ENCLOSING_LIMIT_MS = 30_000

export class WaitingProcess implements MachineProcess {
  readonly identity: ProcessIdentity
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, identity: ProcessIdentity, ended: Promise<ProcessEnd>) {
    this.#child = child
    this.identity = identity
    this.ended = ended
  }

  /** Starts the process and leaves it waiting. */
  static async start(launch: Launch): Promise<WaitingProcess> {
    const { enclosure } = launch
    const watched = launch.setpriv === null && enclosure === null && !launch.detach
    const shell = ['/bin/sh', '-c', script(launch, watched), 'sh', launch.program, ...launch.args]
    const guard = launch.setpriv === null ? [] : [launch.setpriv, ...(launch.detach ? [] : ['--pdeathsig', 'KILL']), '--no-new-privs']
    const enclosed = enclosure === null ? [] : [enclosure.bubblewrap, ...bubblewrapArguments(enclosure), '--info-fd', `${EXTRA_DESCRIPTOR}`, '--']
    const [file, ...args] = [...guard, ...enclosed, ...shell]
    // A session of its own: what a terminal sends to the owner's group is the owner's to pass on.
    const stdio: ('pipe' | 'ignore')[] = ['pipe', 'ignore', 'pipe', ...(watched || enclosure !== null ? (['pipe'] as const) : [])]
    const options = { cwd: launch.directory, env: {}, detached: true } as const
    const child: ChildProcess = withoutInherited(stdio, (whole) => spawn(file!, args, { ...options, stdio: whole }))
    const ended = endOf(child, launch.program, watched)
    // A write to a process that has ended; its end is told by `ended`.
    child.stdin!.on('error', () => undefined)
    try {
      const pid = enclosure === null ? child.pid : await enclosedProcess(child)
      const identity = pid === undefined ? null : await identifyProcess(pid)
      if (identity !== null) return new WaitingProcess(child, identity, ended)
    } catch (error) {
      // Nobody knows it, so nobody else would end it. What it has started reads the end of its input.
      child.stdin!.destroy()
      child.kill('SIGKILL')
      throw error
    }
    const { complaint } = await ended
    throw new BoxLiteError('io', `Cannot start ${file}: ${complaint ?? 'it ended at once'}`, { facts: { program: file } })
  }

  /** Lets it become what it waits to be. */
  letGo(): void {
    this.#child.stdin!.end('go\n')
  }

  release(): void {
    this.#child.stderr!.destroy()
    this.#child.stdin!.destroy()
    this.#child.stdio[EXTRA_DESCRIPTOR]?.destroy()
    this.#child.unref()
  }
}

function script(launch: Launch, watched: boolean): string {
  // No core files: they would be as large as the guest's memory, and hold it. A limit that is lower already stays. Sockets are the user's.
  const limits = `umask 077; ulimit -c 0; ulimit -n ${OPEN_FILES} 2>/dev/null; ulimit -v ${Math.ceil(launch.addressSpaceBytes / 1024)} 2>/dev/null`
  if (!watched) return `${limits}; read -r go || exit 125; exec "$@" </dev/null`
  const watch = `(exec </dev/null >/dev/null 2>&1; read -r end <&${EXTRA_DESCRIPTOR} || kill -9 $$) &`
  return `${limits}; read -r go || exit 125; ${watch} exec "$@" </dev/null ${EXTRA_DESCRIPTOR}<&-`
}

/** The process that bubblewrap started, which it tells as JSON; undefined when it ended without a word. */
async function enclosedProcess(child: ChildProcess): Promise<number | undefined> {
  let said = ''
  const socket = child.stdio[EXTRA_DESCRIPTOR] as Socket
  const timer = setTimeout(() => socket.destroy(new BoxLiteError('timeout', 'bubblewrap does not say what it started')), ENCLOSING_LIMIT_MS)
  try {
    for await (const bytes of socket) said += String(bytes)
  } finally {
    clearTimeout(timer)
  }
  const match = /"child-pid":\s*(\d+)/.exec(said)
  return match === null ? undefined : Number(match[1])
}

function endOf(child: ChildProcess, program: string, watched: boolean): Promise<ProcessEnd> {
  let said = ''
  child.stderr!.setEncoding('utf8')
  child.stderr!.on('data', (text: string) => {
    said = (said + text).slice(-COMPLAINT_LIMIT_BYTES)
  })
  // The watcher, where there is one, has nothing left to watch.
  if (watched) {
    const watcher = child.stdio[EXTRA_DESCRIPTOR] as Socket
    watcher.on('error', () => undefined)
    child.once('exit', () => watcher.end('end\n'))
  }
  return new Promise((resolve) => {
    const end = (code: number | null, signal: string | null): void => {
      resolve({ code, signal: signal ?? signalOf(code), complaint: complaintOf(said, basename(program)) })
    }
    child.once('error', (error) => {
      said += `\n${error.message}`
      end(null, null)
    })
    // Not 'exit': what it said last may still be on its way.
    child.once('close', end)
  })
}

/** The last line that the program signed with its name, which a hint may follow; else the last line; null for none. */
function complaintOf(said: string, name: string): string | null {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  return lines.findLast((line) => line.startsWith(`${name}: `)) ?? lines.at(-1) ?? null
}

/** The signal that ended an enclosed process: bubblewrap tells it as a shell does, by an exit code above 128. */
function signalOf(code: number | null): string | null {
  if (code === null || code <= 128) return null
  return Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0] ?? null
}
