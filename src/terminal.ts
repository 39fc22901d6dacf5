// Attaches a terminal of a page to the shell of a box. Written for xterm.js, of which only these methods are used, so nothing of it
// is imported here and any version or likeness of it will do.
//
//   keys, pastes ──> stdin of the shell          waits in the stream until the guest reads
//   stdout of the shell ──> terminal.write       at most LIMIT_UNPARSED ahead of what the terminal has worked off; then the
//                                                guest's program waits

import type { Box } from './box.ts'
import type { ShellOptions } from './exec/exec.ts'
import type { ExecExit } from './exec/exec-options.ts'
import type { Execution } from './exec/execution.ts'

/** What is used of a terminal; xterm.js's `Terminal` is one. */
export interface TerminalLike {
  /** Its size in characters. */
  readonly cols: number
  readonly rows: number
  /** Shows text with its control sequences; `onParsed` is called when it was worked off. */
  write(text: string, onParsed?: () => void): void
  /** Calls `listener` with what the user typed or pasted, or what the terminal answers to a query. */
  onData(listener: (text: string) => void): Disposer
  /** Calls `listener` with input that is no text, such as mouse reports: each character is a byte. */
  onBinary(listener: (bytes: string) => void): Disposer
  /** Calls `listener` with each new size. */
  onResize(listener: (size: { readonly cols: number; readonly rows: number }) => void): Disposer
}

/** What xterm.js gives for a listener. */
export interface Disposer {
  dispose(): void
}

/** What `attachTerminal` takes: what `box.shell` does, but the size, which is the terminal's; and nothing of the output is collected. */
export type AttachOptions = Omit<ShellOptions, 'size' | 'maxOutputBytes'>

/** A terminal that is attached to a shell. */
export interface AttachedTerminal extends Disposer {
  /** How the shell ended, when all it wrote is on the terminal; rejects with what `box.shell` rejects with. Nobody has to await it. */
  readonly exit: Promise<ExecExit>
  /** Lets go of the terminal, which stays as it is, and hangs the shell up (SIGHUP). Once it is over, or called again, it does nothing. */
  dispose(): void
}

/** How many characters may be given to the terminal before it has worked them off: enough to keep it busy, too few to be felt. */
const LIMIT_UNPARSED = 128 * 1024

/**
 * Attaches a terminal to a new shell of the box, which is started where it does not run. The terminal stays the caller's: dispose of
 * what this gives before the terminal itself.
 */
export function attachTerminal(terminal: TerminalLike, box: Pick<Box, 'shell'>, options: AttachOptions = {}): AttachedTerminal {
  const size = { columns: terminal.cols, rows: terminal.rows }
  return new Attachment(terminal, box.shell({ ...options, size, maxOutputBytes: 0 }))
}

class Attachment implements AttachedTerminal {
  readonly exit: Promise<ExecExit>
  readonly #execution: Execution<string>
  readonly #output: ReadableStreamDefaultReader<string>
  readonly #screen: Screen
  readonly #listeners: readonly Disposer[]
  #disposed = false

  constructor(terminal: TerminalLike, execution: Execution<string>) {
    this.#execution = execution
    this.#output = execution.stdout.getReader()
    this.#screen = new Screen(terminal)
    const input = execution.stdin.getWriter()
    // A shell that ended takes no more keys; `exit` tells how it ended.
    const send = (chunk: string | Uint8Array): void => void input.write(chunk).catch(() => {})
    this.#listeners = [
      terminal.onData(send),
      terminal.onBinary((bytes) => send(Uint8Array.from(bytes, (character) => character.charCodeAt(0)))),
      terminal.onResize(({ cols, rows }) => void execution.resize(cols, rows)),
    ]
    this.exit = this.#run()
    this.exit.catch(() => {})
  }

  dispose(): void {
    if (this.#disposed) return
    this.#letGo()
    // Dropping the rest frees a shell that waits to be read.
    void this.#output.cancel()
    void this.#execution.kill('SIGHUP')
  }

  async #run(): Promise<ExecExit> {
    try {
      await this.#show()
      const { exitCode, signal, timedOut, durationMs } = await this.#execution
      return { exitCode, signal, timedOut, truncated: false, durationMs }
    } finally {
      this.#letGo()
    }
  }

  async #show(): Promise<void> {
    for (let next = await this.#output.read(); !next.done; next = await this.#output.read()) await this.#screen.write(next.value)
    await this.#screen.parsed()
  }

  #letGo(): void {
    this.#disposed = true
    this.#screen.close()
    for (const listener of this.#listeners) listener.dispose()
  }
}

/** What a terminal shows, written at the pace at which it works it off. */
class Screen {
  readonly #terminal: TerminalLike
  #unparsed = 0
  #most = 0
  #closed = false
  #wake: (() => void) | null = null

  constructor(terminal: TerminalLike) {
    this.#terminal = terminal
  }

  /** Resolves when more is welcome. */
  write(text: string): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#unparsed += text.length
    this.#terminal.write(text, () => {
      this.#unparsed -= text.length
      if (this.#unparsed <= this.#most) this.#wake?.()
    })
    return this.#atMost(LIMIT_UNPARSED)
  }

  /** Resolves when all of it was worked off. */
  parsed(): Promise<void> {
    return this.#atMost(0)
  }

  /** From now on nothing is written and nobody waits. */
  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async #atMost(most: number): Promise<void> {
    this.#most = most
    while (this.#unparsed > most && !this.#closed) await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}
