// What xterm.js is to boxlite/terminal, without a screen: it works off what it is given when the test says so.
import type { Disposer, TerminalLike } from '../../src/terminal.ts'

class Listeners<T> {
  readonly all = new Set<(value: T) => void>()

  add(listener: (value: T) => void): Disposer {
    this.all.add(listener)
    return { dispose: () => void this.all.delete(listener) }
  }

  tell(value: T): void {
    for (const listener of this.all) listener(value)
  }
}

export class FakeTerminal implements TerminalLike {
  cols = 100
  rows = 30
  /** What it was given, and how many characters of that it has not worked off. */
  shown = ''
  unparsed = 0
  /** False: it works off nothing before `parse` is called. */
  fast = true
  readonly #data = new Listeners<string>()
  readonly #binary = new Listeners<string>()
  readonly #size = new Listeners<{ cols: number; rows: number }>()
  readonly #parsed: (() => void)[] = []
  readonly #waiting: (() => void)[] = []

  write(text: string, onParsed?: () => void): void {
    this.shown += text
    this.unparsed += text.length
    this.#parsed.push(() => {
      this.unparsed -= text.length
      onParsed?.()
    })
    if (this.fast) queueMicrotask(() => this.parse())
    for (const tell of this.#waiting.splice(0)) tell()
  }

  onData(listener: (text: string) => void): Disposer {
    return this.#data.add(listener)
  }

  onBinary(listener: (bytes: string) => void): Disposer {
    return this.#binary.add(listener)
  }

  onResize(listener: (size: { cols: number; rows: number }) => void): Disposer {
    return this.#size.add(listener)
  }

  /** Works off all that waits. */
  parse(): void {
    for (const parsed of this.#parsed.splice(0)) parsed()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  type(text: string): void {
    this.#data.tell(text)
  }

  reportMouse(bytes: string): void {
    this.#binary.tell(bytes)
  }

  resize(cols: number, rows: number): void {
    this.cols = cols
    this.rows = rows
    this.#size.tell({ cols, rows })
  }

  get listenerCount(): number {
    return this.#data.all.size + this.#binary.all.size + this.#size.all.size
  }
}
