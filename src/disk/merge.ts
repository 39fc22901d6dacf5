// Two layers of a chain folded into one.

import { checkAborted } from '../aborted.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { ExtentKind } from './abi.ts'
import { Chain, type Layer } from './chain.ts'
import type { Codec } from './codec.ts'
import { type Backing, createImage } from './create.ts'
import { Disk } from './disk.ts'

export interface MergeOptions {
  readonly upper: Layer
  /** The layer that `upper` stands on. */
  readonly lower: Layer
  /** The layers that `lower` stands on, from the top down. */
  readonly below: readonly Layer[]
  /** An empty file, open for writing. */
  readonly target: LayerFile
  /** What the merged layer is to name as its backing file: `below[0]`, or null where there is none. */
  readonly backing: Backing | null
  readonly codec?: Codec
  /** Ends the work with `aborted`; the target is then half made. */
  readonly signal?: AbortSignal | undefined
  /** Told how much of the disk was gone through, 0 to 1. */
  readonly onProgress?: ((done: number) => void) | undefined
}

/** Layers of the chain that go into the target. */
const MERGED = 2
const COPY_BYTES = 2 << 20

/**
 * Writes a layer of our own form into `target` that, on `backing`, shows what `upper` shows on `lower` on `below`. It has the
 * upper's virtual size; zeros stay zeros, also where `lower` was shorter than what it stands on. Durable when it resolves.
 */
export async function mergeLayers(options: MergeOptions): Promise<void> {
  const { upper, lower, below, target, backing, signal, onProgress } = options
  const codec = options.codec === undefined ? {} : { codec: options.codec }
  if ((backing?.name ?? null) !== (below[0]?.name ?? null)) {
    throw new BoxLiteError('invalid_argument', 'The merged layer has to stand on what the lower one stood on')
  }
  const source = await Chain.open([upper, lower, ...below], codec)
  await createImage(target, { sizeBytes: source.sizeBytes, backing })
  const disk = await Disk.open([{ name: mergedName(below), format: 'qcow2', file: target }, ...below], { ...codec, writable: true })
  for await (const run of runsOf(source)) {
    checkAborted(signal)
    if (run.isZero) await disk.writeZeroes(run.offset, run.length)
    else await copy(source, disk, run, signal, (doneBytes) => onProgress?.((run.offset + doneBytes) / source.sizeBytes))
  }
  await disk.close()
}

/** A run of guest bytes that the two upper layers decide. */
interface Run {
  readonly offset: number
  readonly length: number
  readonly isZero: boolean
}

/** The runs that go into the target, joined as far as they touch. What neither layer has is seen in the layers below as before. */
async function* runsOf(source: Chain): AsyncIterable<Run> {
  let run: Run = { offset: 0, length: 0, isZero: false }
  for (let position = 0; position < source.sizeBytes; ) {
    for (const { kind, depth, offset, length } of await source.map(position, source.sizeBytes - position)) {
      position = offset + length
      if (depth >= MERGED) continue
      // Unallocated at this depth: past the lower layer's end, or on no backing file at all.
      const isZero = kind === ExtentKind.ZERO || kind === ExtentKind.UNALLOCATED
      if (run.isZero === isZero && run.offset + run.length === offset) {
        run = { ...run, length: run.length + length }
        continue
      }
      if (run.length > 0) yield run
      run = { offset, length, isZero }
    }
  }
  if (run.length > 0) yield run
}

async function copy(source: Chain, disk: Disk, run: Run, signal: AbortSignal | undefined, tell: (doneBytes: number) => void): Promise<void> {
  for (let done = 0; done < run.length; ) {
    checkAborted(signal)
    const bytes = new Uint8Array(Math.min(COPY_BYTES, run.length - done))
    await source.read(run.offset + done, bytes)
    await disk.write(run.offset + done, bytes)
    done += bytes.length
    tell(done)
  }
}

/** A name for the target that no layer below has. */
function mergedName(below: readonly Layer[]): string {
  let name = 'merged'
  while (below.some((layer) => layer.name === name)) name += "'"
  return name
}
