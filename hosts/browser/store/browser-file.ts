// One who has a layer's file open.

import { BoxLiteError } from '../../../src/error.ts'
import type { LayerFile } from '../../../src/host.ts'
import type { LayerContent } from './layer-content.ts'

export class BrowserFile implements LayerFile {
  readonly #content: LayerContent
  readonly #writable: boolean
  #letGo: (() => Promise<void>) | null

  constructor(content: LayerContent, writable: boolean, letGo: () => Promise<void>) {
    this.#content = content
    this.#writable = writable
    this.#letGo = letGo
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    return this.#opened().read(target, offset)
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    await this.#opened(true).write(source, offset)
  }

  async truncate(length: number): Promise<void> {
    await this.#opened(true).truncate(length)
  }

  async punchHole(offset: number, length: number): Promise<void> {
    await this.#opened(true).punchHole(offset, length)
  }

  async size(): Promise<number> {
    return this.#opened().lengthBytes
  }

  async sync(): Promise<void> {
    await this.#opened().sync()
  }

  /** Writes need none: they go to the database all at once. */
  async order(): Promise<void> {
    this.#opened()
  }

  async close(): Promise<void> {
    const letGo = this.#letGo
    this.#letGo = null
    await letGo?.()
  }

  #opened(writes = false): LayerContent {
    if (this.#letGo === null) throw new BoxLiteError('invalid_state', 'This file is closed')
    if (writes && !this.#writable) throw new BoxLiteError('invalid_state', 'This file is open for reading only')
    return this.#content
  }
}
