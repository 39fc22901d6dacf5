// How far an export or an import is, and how it is called off.

import { BoxLiteError } from '../error.ts'

/** What is being done: finding out how much there is (`measure`), writing or reading an archive, or copying disks (`adopt`). */
export type ArchiveStage = 'measure' | 'export' | 'import' | 'adopt'

/** How far a stage is. `totalBytes` is null where it is not known beforehand. */
export interface ArchiveProgress {
  readonly stage: ArchiveStage
  readonly doneBytes: number
  readonly totalBytes: number | null
}

/** What every long call here takes. */
export interface ArchiveOptions {
  /** Ends the work with `aborted`; nothing is left behind. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ArchiveProgress) => void
}

/** Counts bytes, reports them and watches the signal. */
export class Progress {
  readonly #options: ArchiveOptions
  #stage: ArchiveStage = 'measure'
  #doneBytes = 0
  #totalBytes: number | null = null

  constructor(options: ArchiveOptions) {
    this.#options = options
  }

  begin(stage: ArchiveStage, totalBytes: number | null): void {
    this.#stage = stage
    this.#doneBytes = 0
    this.#totalBytes = totalBytes
    this.advance(0)
  }

  advance(bytes: number): void {
    if (this.#options.signal?.aborted === true) {
      throw new BoxLiteError('aborted', 'the call was aborted', { cause: this.#options.signal.reason })
    }
    this.#doneBytes += bytes
    this.#options.onProgress?.({ stage: this.#stage, doneBytes: this.#doneBytes, totalBytes: this.#totalBytes })
  }
}
