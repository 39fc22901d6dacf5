// The layer files of a running operation. One that it creates stays open from its creation to its sync.

import { BoxLiteError } from '../error.ts'
import type { Directory, FileHead, Held, LayerFile } from '../host.ts'
import { HeadOf } from './abi.ts'
import type { Operation } from './operation.ts'
import type { PerformHost } from './perform-host.ts'
import type { MessageReader, MessageWriter } from './wire.ts'

export class LayerFiles {
  readonly #operation: Operation
  readonly #host: PerformHost
  readonly #held: () => readonly Held[]
  readonly #created = new Map<string, LayerFile>()
  /** Of the head that was read last. */
  #last = ''
  /** Heads that came with one above them, on the walk down a chain that is under way. */
  #ahead: ReadonlyMap<string, FileHead> = new Map()

  /** `held`: the locks that the operation has by now. */
  constructor(operation: Operation, host: PerformHost, held: () => readonly Held[]) {
    this.#operation = operation
    this.#host = host
    this.#held = held
  }

  /** Answers the file's length and its first bytes. What is known of the layer (`HeadOf`) says whether they may be, and are, remembered. */
  async readHead(name: string, lengthBytes: number, of: number, answer: MessageWriter): Promise<void> {
    const memory = this.#host.heads
    if (of === HeadOf.ANY) this.#ahead = new Map()
    else memory?.link(this.#last, name)
    this.#last = name
    let head = of === HeadOf.KNOWN ? (memory?.get(name) ?? null) : null
    if (head === null) {
      head = of === HeadOf.DEEPER ? await this.#readDeeper(name, lengthBytes) : await this.#readOne(name, lengthBytes)
      if (of !== HeadOf.ANY) memory?.put(name, head)
    }
    answer.number(head.fileBytes).bytes(head.bytes)
  }

  #readOne(name: string, lengthBytes: number): Promise<FileHead> {
    this.#host.heads?.forget(name)
    return this.#host.store.readLayerHead(name, lengthBytes)
  }

  /** The head of a layer as it is on this walk down its chain. Those that lay below it before are most likely wanted next, and come with it. */
  async #readDeeper(name: string, lengthBytes: number): Promise<FileHead> {
    const { store, heads } = this.#host
    if (!this.#ahead.has(name) && heads !== undefined) {
      this.#ahead = (await store.readLayerHeads?.(heads.chain(name), lengthBytes)) ?? this.#ahead
    }
    const head = this.#ahead.get(name)
    return head === undefined ? this.#readOne(name, lengthBytes) : { ...head, bytes: head.bytes.subarray(0, lengthBytes) }
  }

  async create(name: string): Promise<void> {
    this.#created.set(name, await this.#host.store.createLayer(name, this.#held()))
  }

  /** Writes the segments of a new image and sets its length. */
  async write(message: MessageReader): Promise<void> {
    const file = this.#file(message.text())
    const length = message.number()
    for (let more = message.number(); more > 0; more--) {
      const offset = message.number()
      await file.write(message.bytes(), offset)
    }
    await file.truncate(length)
  }

  /** Has the host fill the new layer number `index` of the operation. */
  async fill(index: number, name: string): Promise<void> {
    const bulk = this.#host.bulk
    const layer = 'layers' in this.#operation ? this.#operation.layers[index] : undefined
    if (!layer || !bulk?.fill) throw new BoxLiteError('unsupported', `nothing fills the new layer '${name}'`)
    await bulk.fill(index, layer, this.#file(name))
  }

  /** Has the host fold two layers into a new one. */
  async fold(message: MessageReader): Promise<void> {
    const bulk = this.#host.bulk
    if (!bulk?.fold) throw new BoxLiteError('unsupported', 'nothing folds layers here')
    const target = this.#file(message.text())
    const upper = message.text()
    const lower = message.text()
    const below = Array.from({ length: message.number() }, () => message.text())
    await bulk.fold({ upper, lower, below }, target)
  }

  /** Makes a layer durable, and closes it. */
  async sync(name: string): Promise<void> {
    const file = this.#created.get(name) ?? (await this.#host.store.openLayer(name, 'write', this.#held()))
    this.#created.delete(name)
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async remove(from: Directory, name: string): Promise<void> {
    const file = from === 'layers' ? this.#created.get(name) : undefined
    this.#created.delete(name)
    await file?.close()
    await this.#host.store.remove(from, name)
  }

  /** Closes what a failure left open. */
  close(): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled([...this.#created.values()].map((file) => file.close()))
  }

  #file(name: string): LayerFile {
    const file = this.#created.get(name)
    if (!file) throw new Error(`the core wrote into '${name}', which it did not create`)
    return file
  }
}
