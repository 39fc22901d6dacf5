// Carries out the core's steps in the file of a writable disk (core/qcow2/writer.ts has the crash
// rule). One call at a time: `Disk` sees to that.

import type { LayerFile } from '../host.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import { DiskFact, DiskStatus, ExtentKind, FlushPhase, StepKind } from './abi.ts'
import type { Chain, MappedExtent } from './chain.ts'

const CLUSTER_BYTES = 1 << 16
const SLICE_BYTES = 4096
const COPY_BYTES = 1 << 20

const floor = (offset: number): number => offset - (offset % CLUSTER_BYTES)
const ceil = (offset: number): number => floor(offset + CLUSTER_BYTES - 1)
const readsZero = ({ kind }: MappedExtent): boolean => kind === ExtentKind.ZERO || kind === ExtentKind.UNALLOCATED

export class DiskWriter {
  readonly #chain: Chain
  readonly #file: LayerFile
  /** Resolves when every read that is on its way now has ended. */
  readonly #drainReads: () => Promise<void>
  /** Something was written, or changed in the cache, since the last flush. */
  #changed = false
  #failure: unknown = undefined

  private constructor(chain: Chain, drainReads: () => Promise<void>) {
    this.#chain = chain
    this.#file = chain.file
    this.#drainReads = drainReads
  }

  /** Makes the chain's top writable: `unsupported` where it is not of our own form. */
  static async open(chain: Chain, drainReads: () => Promise<void>): Promise<DiskWriter> {
    await chain.settle(() => chain.core.exports.diskWritable())
    await chain.settle(() => chain.core.exports.diskPrepare())
    return new DiskWriter(chain, drainReads)
  }

  /** Writes inside the disk. */
  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.#guarded(async () => {
      for (let done = 0; done < source.length; ) {
        const answer = await this.#chain.settle(() => this.#core.diskWrite(offset + done, source.length - done))
        if (answer === DiskStatus.FLUSH) await this.#flush()
        else done += await this.#step(offset + done, source.subarray(done))
      }
    })
  }

  /** Makes a range inside the disk read as zeros; whole clusters of it take no space after the next flush. */
  async zero(start: number, length: number): Promise<void> {
    const end = start + length
    await this.#guarded(async () => {
      for (let position = start; position < end; ) {
        // What reads as zeros already is left alone, so that a discard of a sparse disk costs nothing.
        for (const extent of await this.#chain.map(position, end - position)) {
          position = extent.offset
          if (readsZero(extent)) position += extent.length
          else {
            position = await this.#zeroRun(Math.max(start, floor(position)), Math.min(end, ceil(position + extent.length)))
            break
          }
        }
      }
    })
  }

  /** Makes everything before it durable. */
  async flush(): Promise<void> {
    await this.#guarded(() => this.#flush())
  }

  /** Makes the disk larger; the new part reads as zeros whatever lies below, or where `hides` whatever comes to lie there. */
  async grow(sizeBytes: number, hides: boolean): Promise<void> {
    const chain = this.#chain
    await this.#guarded(async () => {
      const oldBytes = chain.sizeBytes
      while ((await chain.settle(() => this.#core.diskGrow(sizeBytes))) === DiskStatus.STEP) await this.#step(0, new Uint8Array(0))
      chain.setSize(sizeBytes)
      // A longer backing file must not show through, nor what lies behind the old end in its last cluster.
      const end = Math.min(sizeBytes, Math.max(ceil(oldBytes), chain.belowBytes))
      if (end > oldBytes) await this.zero(oldBytes, end - oldBytes)
      if (hides) for (let position = oldBytes; position < sizeBytes; ) position = await this.#zeroRun(position, sizeBytes)
      await this.#flush()
      await this.#writeParts(2)
      await this.#sync()
    })
  }

  get #core(): Chain['core']['exports'] {
    return this.#chain.core.exports
  }

  /** Refuses after a failed write or sync, whose effect nobody knows; drops a step that could not be finished. */
  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) {
      throw failedBefore(this.#failure)
    }
    try {
      await work()
    } catch (error) {
      this.#core.diskStepDrop()
      throw error
    }
  }

  /** Carries out the step that the core has named; how many bytes of `source`, which belongs at `position`, it took. */
  async #step(position: number, source: Uint8Array): Promise<number> {
    const host = this.#chain.fact(DiskFact.STEP_HOST)
    const bytes = this.#chain.fact(DiskFact.STEP_BYTES)
    let taken = 0
    switch (this.#chain.fact(DiskFact.STEP_KIND)) {
      case StepKind.IN_PLACE:
        await this.#put(source.subarray(0, bytes), host)
        return bytes
      case StepKind.FILL:
        taken = await this.#fill(position, source, host, bytes)
        break
      case StepKind.ZERO:
        await this.#put(new Uint8Array(bytes), host)
        break
      case StepKind.MOVE:
        await this.#move(host, bytes)
        break
      default:
        throw new Error(`the core named an unknown step: ${this.#chain.fact(DiskFact.STEP_KIND)}`)
    }
    await this.#chain.settle(() => this.#core.diskStepDone())
    return taken
  }

  /** Fills new clusters at `host`; a partly written one is completed with what the guest sees there now. */
  async #fill(position: number, source: Uint8Array, host: number, bytes: number): Promise<number> {
    const guest = this.#chain.fact(DiskFact.STEP_GUEST)
    const isClean = this.#chain.fact(DiskFact.STEP_CLEAN) === 1
    const head = position - guest
    const taken = Math.min(bytes - head, source.length)
    if (taken === bytes) {
      await this.#put(source.subarray(0, bytes), host)
      return bytes
    }
    const inside = Math.min(bytes, this.#chain.sizeBytes - guest)
    const around = await this.#chain.map(guest, inside)
    const last = around[around.length - 1]!
    // A place in the file that was never written reads as zeros by itself.
    if (isClean && around.every(readsZero) && last.offset + last.length === guest + inside) {
      await this.#put(source.subarray(0, taken), host + head)
      return taken
    }
    const cluster = new Uint8Array(bytes)
    await this.#chain.read(guest, cluster.subarray(0, inside))
    cluster.set(source.subarray(0, taken), head)
    await this.#put(cluster, host)
    return taken
  }

  /** Makes `start` to `end` read as zeros: whole clusters in the tables, the rest by writing. Where it ended. */
  async #zeroRun(start: number, end: number): Promise<number> {
    const isDiskEnd = end === this.#chain.sizeBytes
    const firstWhole = ceil(start)
    const lastWhole = isDiskEnd ? ceil(end) : floor(end)
    if (firstWhole > start || firstWhole >= lastWhole) {
      const partEnd = Math.min(firstWhole > start ? firstWhole : end, end)
      await this.write(start, new Uint8Array(partEnd - start))
      return partEnd
    }
    for (let position = firstWhole; position < lastWhole; ) {
      const answer = await this.#chain.settle(() => this.#core.diskZero(position, lastWhole - position))
      if (answer === DiskStatus.FLUSH) await this.#flush()
      else if (answer === DiskStatus.STEP) await this.#step(0, new Uint8Array(0))
      else {
        this.#changed = true
        position += this.#chain.fact(DiskFact.ZEROED_BYTES)
      }
    }
    return Math.min(lastWhole, end)
  }

  /** Moves a table that is too small. */
  async #move(host: number, bytes: number): Promise<void> {
    const table = this.#chain.fact(DiskFact.STEP_TABLE)
    const oldHost = this.#chain.fact(DiskFact.STEP_OLD_HOST)
    const oldBytes = this.#chain.fact(DiskFact.STEP_OLD_BYTES)
    // The copy is made from the file, which has to be what the cache is.
    await this.#flush()
    for (let done = 0; done < bytes; done += COPY_BYTES) await this.#put(new Uint8Array(Math.min(COPY_BYTES, bytes - done)), host + done)
    for (let done = 0; done < oldBytes; ) {
      const piece = new Uint8Array(Math.min(COPY_BYTES, oldBytes - done))
      await this.#file.read(piece, oldHost + done)
      await this.#put(piece, table + done)
      done += piece.length
    }
    await this.#writeParts(0)
    await this.#sync()
    await this.#writeParts(1)
    await this.#sync()
  }

  /** Writes the small pieces that the core makes (`diskParts`). */
  async #writeParts(part: number): Promise<void> {
    const { core } = this.#chain
    const count = this.#chain.settleCount(() => core.exports.diskParts(part))
    const list = new Float64Array(core.bytes.buffer, core.reserve(0), count * 3).slice()
    for (let at = 0; at < list.length; at += 3) {
      const pointer = list[at + 1]!
      await this.#put(core.bytes.slice(pointer, pointer + list[at + 2]!), list[at]!)
    }
  }

  async #flush(): Promise<void> {
    if (!this.#changed) return
    await this.#writePhase(FlushPhase.REFBLOCKS)
    await this.#order()
    for (const phase of [FlushPhase.REFTABLE, FlushPhase.MAPPING]) if (await this.#writePhase(phase)) await this.#order()
    if (this.#file.order !== undefined) await this.#sync()
    this.#changed = false
    await this.#release()
  }

  /** Frees what nothing points at since the flush. Should a crash lose this, clusters are leaked. */
  async #release(): Promise<void> {
    if (this.#core.diskFreed() === 0) return
    // A read that began before may still want the old bytes.
    await this.#drainReads()
    while ((await this.#chain.settle(() => this.#core.diskRelease())) === DiskStatus.STEP) {
      const host = this.#chain.fact(DiskFact.STEP_HOST)
      const bytes = this.#chain.fact(DiskFact.STEP_BYTES)
      await this.#poisoning(async () => await this.#file.punchHole?.(host, bytes))
    }
    await this.#writePhase(FlushPhase.REFBLOCKS)
    this.#changed = false
  }

  /** Writes the changed slices of one phase, neighbours together; whether there were any. */
  async #writePhase(phase: number): Promise<boolean> {
    const { core } = this.#chain
    const count = this.#chain.settleCount(() => core.exports.diskDirty(phase))
    if (count === 0) return false
    const list = new Float64Array(core.bytes.buffer, core.reserve(0), count * 2)
    const slices = Array.from({ length: count }, (_, i) => ({ offset: list[i * 2]!, pointer: list[i * 2 + 1]! }))
    slices.sort((a, b) => a.offset - b.offset)
    const runs: (typeof slices)[] = []
    for (const slice of slices) {
      const run = runs[runs.length - 1]
      if (run !== undefined && run[0]!.offset + run.length * SLICE_BYTES === slice.offset) run.push(slice)
      else runs.push([slice])
    }
    // Copied before anything is awaited: a reader may make the core's memory move.
    const pieces = runs.map((run) => {
      const bytes = new Uint8Array(run.length * SLICE_BYTES)
      for (const [i, { pointer }] of run.entries()) bytes.set(core.bytes.subarray(pointer, pointer + SLICE_BYTES), i * SLICE_BYTES)
      return { offset: run[0]!.offset, bytes }
    })
    await Promise.all(pieces.map(({ offset, bytes }) => this.#put(bytes, offset)))
    core.exports.diskClean(phase)
    return true
  }

  async #put(bytes: Uint8Array, offset: number): Promise<void> {
    this.#changed = true
    await this.#poisoning(() => this.#file.write(bytes, offset))
  }

  /** What is written after becomes durable no sooner than what was written before. */
  async #order(): Promise<void> {
    await this.#poisoning(() => this.#file.order?.() ?? this.#file.sync())
  }

  async #sync(): Promise<void> {
    await this.#poisoning(() => this.#file.sync())
  }

  async #poisoning(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }
}

/** Says the first failure again, under its own code: what follows from it is often all that a caller sees. */
function failedBefore(cause: unknown): BoxLiteError {
  const why = cause instanceof Error ? cause.message : String(cause)
  const known = isBoxLiteError(cause) ? cause : null
  return new BoxLiteError(known?.code ?? 'io', `An earlier write or sync of this disk failed, and it takes no more: ${why}`, {
    remedy: known?.remedy ?? 'Close the disk and open it again: what was flushed is there.',
    facts: known?.facts ?? {},
    cause,
  })
}
