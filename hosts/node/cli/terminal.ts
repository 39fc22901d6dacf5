// What a command may do to the outside: print lines and JSON on standard output, stream bytes in and out, show
// progress on standard error, and be told to stop.

import { BoxLiteError } from '../../../src/error.ts'
import { fileError } from '../../../src/store/file-error.ts'
import { ProgressLine } from './progress-line.ts'

export interface TerminalStreams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

/** The signals that end a command, or go on to the one that it runs. */
export type EndingSignal = 'SIGHUP' | 'SIGINT' | 'SIGTERM'

export class Terminal {
  /** Whether errors show where they come from. */
  readonly isDebugging: boolean
  readonly #streams: TerminalStreams
  readonly #stop = new AbortController()
  #outputError: NodeJS.ErrnoException | null = null
  // Made when it is first asked for; most commands never do.
  #stdin: NodeJS.ReadStream | null = null
  #drawnLines = 0
  #passing: ((signal: EndingSignal) => void) | null = null

  constructor(streams: TerminalStreams) {
    this.#streams = streams
    this.isDebugging = (streams.env['BOXLITE_DEBUG'] ?? '') !== ''
    streams.stdout.on('error', (error: NodeJS.ErrnoException) => this.#outputFailed(error))
    // Where standard error itself is gone, nobody is left to tell.
    streams.stderr.on('error', () => undefined)
  }

  /** Aborted when the command has to stop: a signal, or nobody reads its output any more. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Why standard output cannot be written, or null. */
  get outputError(): NodeJS.ErrnoException | null {
    return this.#outputError
  }

  stop(reason: string): void {
    this.#stop.abort(new BoxLiteError('aborted', reason))
  }

  /** Hands a signal to whoever takes them; false: nobody does. */
  pass(signal: EndingSignal): boolean {
    this.#passing?.(signal)
    return this.#passing !== null
  }

  /** Signals go to `take`, instead of ending this command, until the function that this returns is called. */
  takeSignals(take: (signal: EndingSignal) => void): () => void {
    this.#passing = take
    return () => (this.#passing = null)
  }

  /** Whether a person sits at both ends. */
  get isInteractive(): boolean {
    return this.#streams.stdin.isTTY && this.#streams.stdout.isTTY
  }

  /** Whether standard input is something else than a terminal. */
  get hasInput(): boolean {
    return !this.#streams.stdin.isTTY
  }

  /** Columns and rows of the terminal. */
  get size(): { columns: number; rows: number } {
    const [columns, rows] = this.#streams.stdout.getWindowSize()
    return { columns: Math.max(1, columns), rows: Math.max(1, rows) }
  }

  /** Every key goes to whoever reads the input, and `resized` is told of new sizes, until the function that this returns is called. */
  takeKeys(resized: () => void): () => void {
    const { stdin, stdout } = this.#streams
    stdin.setRawMode(true)
    stdout.on('resize', resized)
    return () => {
      stdout.off('resize', resized)
      stdin.setRawMode(false)
    }
  }

  /** Prints a line, or several, on standard output. Names and paths in them have to be `printable`. */
  print(lines: string | readonly string[]): void {
    this.#write([lines, ''].flat().join('\n'))
  }

  /** Prints lines in place of those that it printed last, each cut where the terminal ends. */
  redraw(lines: readonly string[]): void {
    const { columns } = this.size
    const up = this.#drawnLines === 0 ? '' : `\u001b[${this.#drawnLines}A`
    this.#write(`${up}\r\u001b[J${lines.map((line) => `${[...line].slice(0, columns - 1).join('')}\n`).join('')}`)
    this.#drawnLines = lines.length
  }

  printJson(value: unknown): void {
    this.#write(`${JSON.stringify(value, null, 2)}\n`)
  }

  /** A line on standard error. */
  tell(line: string): void {
    this.#streams.stderr.write(`${line}\n`)
  }

  /** A progress bar on standard error; silent where that is no terminal. */
  progress(title: string): ProgressLine {
    const { stderr } = this.#streams
    return new ProgressLine(title, stderr.isTTY ? stderr : null)
  }

  /** Writes bytes to standard output and resolves when it took them. */
  async writeBytes(bytes: Uint8Array): Promise<void> {
    this.signal.throwIfAborted()
    await pour(this.#streams.stdout, 'standard output', bytes)
  }

  /** The same, to standard error. */
  async writeErrorBytes(bytes: Uint8Array): Promise<void> {
    await pour(this.#streams.stderr, 'standard error', bytes)
  }

  /** The bytes of standard input, as they come. */
  async *readBytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const stdin = (this.#stdin ??= this.#streams.stdin)
    const stop = (): void => void stdin.destroy(this.signal.reason as Error)
    this.signal.throwIfAborted()
    this.signal.addEventListener('abort', stop, { once: true })
    try {
      for await (const chunk of stdin) yield chunk as Uint8Array
    } finally {
      this.signal.removeEventListener('abort', stop)
    }
  }

  /** Whether standard output is a terminal, which would make a mess of binary data. */
  get showsOutput(): boolean {
    return this.#streams.stdout.isTTY
  }

  /** Resolves when everything printed has left this process, or cannot. */
  async finish(): Promise<void> {
    if (this.#outputError === null) await new Promise<void>((resolve) => this.#streams.stdout.write('', () => resolve()))
    // An open pipe on standard input would keep the process alive.
    this.#stdin?.destroy()
  }

  #write(text: string): void {
    if (this.#outputError !== null) return
    this.#streams.stdout.write(text)
  }

  #outputFailed(error: NodeJS.ErrnoException): void {
    this.#outputError ??= error
    this.stop('nobody reads the output')
  }
}

async function pour(stream: NodeJS.WriteStream, name: string, bytes: Uint8Array): Promise<void> {
  // The stream may keep what it is given until long after the caller reused its buffer.
  const copy = Uint8Array.from(bytes)
  await new Promise<void>((resolve, reject) => {
    stream.write(copy, (error) => {
      if (error) reject(fileError((error as NodeJS.ErrnoException).code ?? 'EIO', 'write', name, error))
      else resolve()
    })
  })
}
