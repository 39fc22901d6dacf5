// How far an export or an import is, and how it is called off.

import { checkAborted } from '../aborted.ts'
import type { CallOptions } from '../progress.ts'

/** What is being done: finding out how much there is (`measure`), writing or reading an archive, or copying disks (`adopt`). */
export type ArchiveStage = 'measure' | 'export' | 'import' | 'adopt'

/** How far a stage is. `totalBytes` is null where it is not known beforehand. */
export interface ArchiveProgress {
  readonly stage: ArchiveStage
  readonly doneBytes: number
  readonly totalBytes: number | null
}

export type ArchiveOptions = CallOptions<ArchiveProgress>

/** Counts bytes, reports them and watches the signal. */
export class ArchiveMeter {
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
    checkAborted(this.#options.signal)
    this.#doneBytes += bytes
    this.#options.onProgress?.({ stage: this.#stage, doneBytes: this.#doneBytes, totalBytes: this.#totalBytes })
  }
}
