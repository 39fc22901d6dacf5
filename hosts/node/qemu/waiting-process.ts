// A process that waits to be let go before it becomes QEMU: its id and start time have to stand in the box's record before the
// disk is opened, and stay what they are when the shell gives way to QEMU.
//
//   setpriv --pdeathsig KILL --no-new-privs   where the system has it
//     sh: sets limits, waits for a line       end of file instead: the owner is gone, and so is this
//       exec qemu-system-i386 ...             the same process id
//
// Where setpriv does not work, a second shell waits at a pipe of its own: its end without a word is the owner's death.

import { spawn, type ChildProcess } from 'node:child_process'
import { basename } from 'node:path'
import type { Writable } from 'node:stream'
import { BoxLiteError } from '../../../src/error.ts'
import { identifyProcess, type ProcessIdentity } from '../process-identity.ts'
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
  /** Most bytes of address space. */
  readonly addressSpaceBytes: number
}

// A chain has at most 1,000 layers, each of them a file.
const OPEN_FILES = 2048
const COMPLAINT_LIMIT_BYTES = 16 * 1024

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
    const watched = launch.setpriv === null && !launch.detach
    const shell = ['/bin/sh', '-c', script(launch, watched), 'sh', launch.program, ...launch.args]
    const guard = launch.setpriv === null ? [] : [launch.setpriv, ...(launch.detach ? [] : ['--pdeathsig', 'KILL']), '--no-new-privs']
    const [file, ...args] = [...guard, ...shell]
    // A session of its own: what a terminal sends to the owner's group is the owner's to pass on.
    const stdio: ('pipe' | 'ignore')[] = ['pipe', 'ignore', 'pipe', ...(watched ? (['pipe'] as const) : [])]
    const child = spawn(file!, args, { cwd: launch.directory, env: {}, detached: true, stdio })
    const ended = endOf(child, launch.program)
    // A write to a process that has ended; its end is told by `ended`.
    child.stdin!.on('error', () => undefined)
    const identity = child.pid === undefined ? null : await identifyProcess(child.pid)
    if (identity !== null) return new WaitingProcess(child, identity, ended)
    const { complaint } = await ended
    throw new BoxLiteError('io', `Cannot start ${file}: ${complaint ?? 'it ended at once'}`, { facts: { program: file } })
  }

  /** Lets it become what it waits to be. */
  letGo(): void {
    this.#child.stdin!.end('go\n')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  release(): void {
    this.#child.stderr!.destroy()
    this.#child.stdin!.destroy()
    this.#child.unref()
  }
}

function script(launch: Launch, watched: boolean): string {
  // No core files: they would be as large as the guest's memory, and hold it. A limit that is lower already stays.
  const limits = `ulimit -c 0; ulimit -n ${OPEN_FILES} 2>/dev/null; ulimit -v ${Math.ceil(launch.addressSpaceBytes / 1024)} 2>/dev/null`
  if (!watched) return `${limits}; read -r go || exit 125; exec "$@" </dev/null`
  const watch = '(exec </dev/null >/dev/null 2>&1; read -r end <&3 || kill -9 $$) &'
  return `${limits}; read -r go || exit 125; ${watch} exec "$@" </dev/null 3<&-`
}

function endOf(child: ChildProcess, program: string): Promise<ProcessEnd> {
  let said = ''
  child.stderr!.setEncoding('utf8')
  child.stderr!.on('data', (text: string) => {
    said = (said + text).slice(-COMPLAINT_LIMIT_BYTES)
  })
  // The watcher, where there is one, has nothing left to watch.
  const watcher = child.stdio[3] as Writable | undefined
  watcher?.on('error', () => undefined)
  child.once('exit', () => watcher?.end('end\n'))
  return new Promise((resolve) => {
    const end = (code: number | null, signal: string | null): void => {
      resolve({ code, signal, complaint: complaintOf(said, basename(program)) })
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
