import { formatSize } from './size.ts'

const REDRAW_INTERVAL_MS = 100
const BAR_COLUMNS = 24

/** One line that is redrawn on a terminal while bytes pass, and wiped when they are through. */
export class Progress {
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
    if (this.#stream === null) return
    const nowMs = performance.now()
    if (nowMs - this.#drawnAtMs < REDRAW_INTERVAL_MS) return
    this.#drawnAtMs = nowMs
    this.#stream.write(`\r\u001b[K${progressLine(this.#title, doneBytes, totalBytes)}`)
  }

  end(): void {
    if (this.#stream !== null && this.#drawnAtMs !== -Infinity) this.#stream.write('\r\u001b[K')
  }
}

function progressLine(title: string, doneBytes: number, totalBytes: number | null): string {
  if (totalBytes === null) return `${title}  ${formatSize(doneBytes)}`
  const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
  const full = Math.floor(share * BAR_COLUMNS)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `${title}  ${'█'.repeat(full)}${'░'.repeat(BAR_COLUMNS - full)} ${percent}%  ${formatSize(doneBytes)} of ${formatSize(totalBytes)}`
}
