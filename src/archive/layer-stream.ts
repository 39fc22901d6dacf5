// The content of one layer member of an archive, in order and without gaps. docs/format.md draws it:
//
//   "BOXLAYER"  virtual size            16 bytes
//   kind  reserved  offset  length      24 bytes, then `length` bytes where the kind is data
//   ...
//   end   reserved  virtual size  0     24 bytes, the last

import { Breather } from '../breather.ts'
import { BoxLiteError } from '../error.ts'
import type { Disk } from '../disk/disk.ts'
import type { ByteReader } from './byte-reader.ts'
import type { LayerTarget } from './layer-image.ts'
import { CLUSTER_BYTES, layerRuns, type LayerSpan, type Run } from './layer-runs.ts'

const MAGIC = 0x424f584c41594552n
const HEADER_BYTES = 16
const RECORD_BYTES = 24
/** How much data is held at once. */
const CHUNK_BYTES = 1024 * 1024

const Kind = { END: 0, DATA: 1, ZERO: 2 } as const

/** The length in bytes of the stream that `writeLayerStream` makes of the same span. It reads metadata only, but all of a raw image. */
export async function measureLayerStream(span: LayerSpan): Promise<number> {
  const breather = new Breather()
  let sizeBytes = HEADER_BYTES + RECORD_BYTES
  for await (const run of layerRuns(span)) {
    sizeBytes += RECORD_BYTES + (run.kind === 'data' ? run.length : 0)
    await breather.pause()
  }
  return sizeBytes
}

/** A span as a stream: the same bytes for the same content, whatever the host and whatever the state of the images' files. */
export async function* writeLayerStream(span: LayerSpan): AsyncGenerator<Uint8Array, void, undefined> {
  const { disk } = span
  const breather = new Breather()
  const header = new DataView(new ArrayBuffer(HEADER_BYTES))
  header.setBigUint64(0, MAGIC)
  header.setBigUint64(8, BigInt(disk.sizeBytes))
  yield new Uint8Array(header.buffer)
  for await (const run of layerRuns(span)) {
    yield recordBytes(run.kind === 'data' ? Kind.DATA : Kind.ZERO, run.offset, run.length)
    if (run.kind === 'data') yield* dataOf(disk, run, breather)
  }
  yield recordBytes(Kind.END, disk.sizeBytes, 0)
}

async function* dataOf(disk: Disk, run: Run, breather: Breather): AsyncGenerator<Uint8Array, void, undefined> {
  const end = run.offset + run.length
  for (let at = run.offset; at < end; at += CHUNK_BYTES) {
    // A new buffer each time: the reader of the stream may keep a chunk.
    const chunk = new Uint8Array(Math.min(CHUNK_BYTES, end - at))
    await disk.read(at, chunk)
    yield chunk
    await breather.pause()
  }
}

function recordBytes(kind: number, offset: number, length: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(RECORD_BYTES))
  view.setUint32(0, kind)
  view.setBigUint64(8, BigInt(offset))
  view.setBigUint64(16, BigInt(length))
  return new Uint8Array(view.buffer)
}

/** Reads the virtual size that a stream begins with; `corrupt` where it is not a layer stream. */
export async function readLayerHeader(reader: ByteReader): Promise<bigint> {
  const view = new DataView(new ArrayBuffer(HEADER_BYTES))
  await reader.readInto(new Uint8Array(view.buffer))
  if (view.getBigUint64(0) !== MAGIC) throw damaged('a layer does not begin with its magic', {})
  return view.getBigUint64(8)
}

/**
 * Writes what follows the header into a layer that is empty and as large as the header said. Refuses with `corrupt` what
 * `writeLayerStream` would not have written: another order, runs that could be one, part of a cluster, other kinds.
 */
export async function readLayerRuns(reader: ByteReader, target: LayerTarget): Promise<void> {
  const record = new DataView(new ArrayBuffer(RECORD_BYTES))
  const chunk = new Uint8Array(CHUNK_BYTES)
  const breather = new Breather()
  let previous: Run = { kind: 'zero', offset: 0, length: 0 }
  for (;;) {
    await reader.readInto(new Uint8Array(record.buffer))
    const run = parseRecord(record, target.sizeBytes)
    if (run === null) break
    const floor = previous.offset + previous.length
    if (run.offset < floor || (run.offset === floor && run.kind === previous.kind && previous.length > 0)) {
      throw damaged('the runs of a layer are out of order', { offset: run.offset })
    }
    if (run.kind === 'zero') await target.writeZeroes(run.offset, run.length)
    else await copyData(reader, target, run, chunk, breather)
    await breather.pause()
    previous = run
  }
  await reader.expectEnd()
}

async function copyData(reader: ByteReader, target: LayerTarget, run: Run, chunk: Uint8Array, breather: Breather): Promise<void> {
  const end = run.offset + run.length
  for (let at = run.offset; at < end; at += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, end - at))
    await reader.readInto(part)
    await target.write(at, part)
    await breather.pause()
  }
}

function parseRecord(view: DataView, sizeBytes: number): Run | null {
  const kind = view.getUint32(0)
  const offset = view.getBigUint64(8)
  const length = view.getBigUint64(16)
  const size = BigInt(sizeBytes)
  const facts = { kind, offset: String(offset), length: String(length) }
  if (view.getUint32(4) !== 0) throw damaged('a reserved field of a layer is not zero', facts)
  if (kind === Kind.END) {
    if (offset !== size || length !== 0n) throw damaged('the last record of a layer is wrong', facts)
    return null
  }
  if (kind !== Kind.DATA && kind !== Kind.ZERO) throw damaged('a layer has a record of an unknown kind', facts)
  if (offset >= size || length === 0n || length > size - offset) throw damaged('a run of a layer lies outside the disk', facts)
  const end = Number(offset + length)
  if (Number(offset) % CLUSTER_BYTES !== 0 || (end % CLUSTER_BYTES !== 0 && end !== sizeBytes)) {
    throw damaged('a run of a layer is not made of whole clusters', facts)
  }
  return { kind: kind === Kind.DATA ? 'data' : 'zero', offset: Number(offset), length: Number(length) }
}

function damaged(what: string, facts: Readonly<Record<string, unknown>>): BoxLiteError {
  return new BoxLiteError('corrupt', `the archive is damaged: ${what}`, { facts })
}
