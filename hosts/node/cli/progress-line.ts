import { formatSize } from './size.ts'

const REDRAW_INTERVAL_MS = 100
const BAR_COLUMNS = 24

/** One line that is redrawn on a terminal while bytes pass, and wiped when they are through. */
export class ProgressLine {
  readonly #title: string
  readonly #stream: NodeJS.WriteStream | null
  #drawnAtMs = -Infinity

  /** `stream` is null where nobody looks. */
  constructor(title: string, stream: NodeJS.WriteStream | null) {
    this.#title = title
    this.#stream = stream
  }

  /** `totalBytes` is null where the end is not known. */
  update(doneBytes: number, totalBytes: number | null): void {
    this.#draw(() => {
      if (totalBytes === null) return formatSize(doneBytes)
      return `${bar(totalBytes === 0 ? 1 : doneBytes / totalBytes)}  ${formatSize(doneBytes)} of ${formatSize(totalBytes)}`
    })
  }

  /** How much is done, 0 to 1, where it is not bytes that count. */
  share(done: number): void {
    this.#draw(() => bar(done))
  }

  /** What is done just now, in words. */
  step(words: string): void {
    this.#drawnAtMs = -Infinity
    this.#draw(() => words)
  }

  end(): void {
    if (this.#stream !== null && this.#drawnAtMs !== -Infinity) this.#stream.write('\r\u001b[K')
  }

  #draw(state: () => string): void {
    if (this.#stream === null) return
    const nowMs = performance.now()
    if (nowMs - this.#drawnAtMs < REDRAW_INTERVAL_MS) return
    this.#drawnAtMs = nowMs
    this.#stream.write(`\r\u001b[K${this.#title}  ${state()}`)
  }
}

function bar(share: number): string {
  const shown = Math.min(1, share)
  const full = Math.floor(shown * BAR_COLUMNS)
  const percent = String(Math.floor(shown * 100)).padStart(3)
  return `${'█'.repeat(full)}${'░'.repeat(BAR_COLUMNS - full)} ${percent}%`
}
