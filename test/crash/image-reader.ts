// The judge's own reader of what is on a disk: records as JSON with their CRC-32C, and qcow2 chains of
// the standard form, written from the specification and sharing no line with the code under test. A
// box's bytes are a list of interned pages, so that comparing them is exact and fast.

import { PAGE_BYTES, type Content, type Page } from './content.ts'
import { mix } from './hash.ts'
import { ROOT, type Names, type World } from './world.ts'

/** What a guest reads from its disk: one entry a page, null for zeros. */
export interface GuestBytes {
  readonly pages: readonly (Page | null)[]
  readonly low: number
  readonly high: number
}

export function guestBytes(pages: readonly (Page | null)[]): GuestBytes {
  let low = pages.length
  let high = pages.length
  for (const [i, page] of pages.entries()) {
    low = mix(low, page === null ? 0x5a5a + i : page.low)
    high = mix(high, page === null ? 0x3c3c + i : page.high)
  }
  return { pages, low, high }
}

export function sameBytes(a: GuestBytes, b: GuestBytes): boolean {
  return a === b || (a.low === b.low && a.high === b.high && a.pages.length === b.pages.length && a.pages.every((page, i) => page === b.pages[i]))
}

/** Why an image is not what it must be. */
export class Violation extends Error {
  readonly invariant: number

  constructor(invariant: number, message: string) {
    super(message)
    this.invariant = invariant
  }
}

interface Qcow2 {
  readonly sizeBytes: number
  readonly backing: { name: string; format: 'qcow2' | 'raw' } | null
  /** For each guest cluster the page number of its first page, -1 for "not here", 0 for zeros. */
  readonly clusters: readonly number[]
  readonly clusterPages: number
  readonly chains: Map<GuestBytes | null, GuestBytes>
}

const CLUSTER_BYTES = 65536
const OFFSET_MASK = 0x00fffffffffffe00n

/** Big-endian words of a file, read where they stand. */
class Words {
  readonly length: number
  readonly #content: Content
  readonly #bytes = new Uint8Array(8)
  readonly #view = new DataView(this.#bytes.buffer)

  constructor(content: Content) {
    this.#content = content
    this.length = content.length
  }

  u16(offset: number): number {
    return this.#at(offset, 2).getUint16(0)
  }

  u32(offset: number): number {
    return this.#at(offset, 4).getUint32(0)
  }

  u64(offset: number): bigint {
    return this.#at(offset, 8).getBigUint64(0)
  }

  text(offset: number, length: number): string {
    const bytes = new Uint8Array(Math.min(length, PAGE_BYTES))
    this.#content.read(bytes, offset)
    return new TextDecoder().decode(bytes)
  }

  #at(offset: number, length: number): DataView {
    if (offset + length > this.length) throw new Violation(1, `cut off at ${this.length} bytes`)
    this.#content.read(this.#bytes, offset)
    return this.#view
  }
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Violation(1, what)
}

function parse(content: Content): Qcow2 {
  const file = new Words(content)
  must(file.length >= 104 && file.u32(0) === 0x514649fb && file.u32(4) === 3, 'no qcow2 header of version 3')
  must(file.u32(20) === 16 && file.u32(96) === 4, 'not of our own form')
  must(file.u32(32) === 0 && file.u64(72) === 0n, 'encrypted, or with incompatible features')
  const sizeBytes = Number(file.u64(24))
  const table = Number(file.u64(48))
  must(table > 0 && table % CLUSTER_BYTES === 0, 'the refcount table lies elsewhere')
  const clusters: number[] = []
  const used = new Set<number>()
  const use = (entry: bigint, what: string): number => {
    const offset = Number(entry & OFFSET_MASK)
    must(offset % CLUSTER_BYTES === 0 && offset > 0 && offset < file.length, `${what} lies at ${offset} of ${file.length} bytes`)
    const refcount = readRefcount(file, table, offset / CLUSTER_BYTES)
    must(refcount === 1, `${what} has refcount ${refcount}`)
    must(!used.has(offset), `${what} shares its cluster`)
    must(entry >> 63n === 1n, `${what} lacks its COPIED flag`)
    used.add(offset)
    return offset
  }
  const l1Offset = Number(file.u64(40))
  must(l1Offset > 0 && l1Offset + file.u32(36) * 8 <= file.length, 'the L1 table lies outside')
  const l1 = sizeBytes === 0 ? 0n : file.u64(l1Offset)
  must(sizeBytes <= 8192 * CLUSTER_BYTES, 'larger than the disks of these tests')
  const l2Offset = l1 === 0n ? 0 : use(l1, 'an L2 table')
  for (let cluster = 0; cluster * CLUSTER_BYTES < sizeBytes; cluster++) {
    const entry = l2Offset === 0 ? 0n : file.u64(l2Offset + cluster * 8)
    if ((entry & 1n) === 1n) clusters.push(0)
    else if ((entry & OFFSET_MASK) === 0n) clusters.push(-1)
    else clusters.push(use(entry, `the cluster at ${cluster * CLUSTER_BYTES}`) / PAGE_BYTES)
  }
  return { sizeBytes, backing: readBacking(file), clusters, clusterPages: CLUSTER_BYTES / PAGE_BYTES, chains: new Map() }
}

function readRefcount(file: Words, table: number, cluster: number): number {
  const block = Number(file.u64(table + Math.floor(cluster / 32768) * 8))
  return block === 0 ? 0 : file.u16(block + (cluster % 32768) * 2)
}

function readBacking(file: Words): Qcow2['backing'] {
  const at = Number(file.u64(8))
  if (at === 0) return null
  const name = file.text(at, file.u32(16))
  for (let extension = file.u32(100); extension + 8 <= at; ) {
    const type = file.u32(extension)
    const length = file.u32(extension + 4)
    if (type === 0) break
    if (type === 0xe2792aca) {
      const format = file.text(extension + 8, length)
      must(format === 'qcow2' || format === 'raw', `the backing format is '${format}'`)
      return { name, format: format as 'qcow2' | 'raw' }
    }
    extension += 8 + Math.ceil(length / 8) * 8
  }
  throw new Violation(1, 'the format of the backing file is not stated')
}

function qcow2Of(content: Content): Qcow2 {
  const have = content.parsed
  if (have instanceof Violation) throw have
  if (have !== undefined) return have as Qcow2
  try {
    const parsed = parse(content)
    content.parsed = parsed
    return parsed
  } catch (error) {
    content.parsed = error
    throw error
  }
}

/** The directory `path` of a world, which must be there. */
export function directoryOf(world: World, path: string): Names {
  let node = ROOT
  for (const part of path.split('/')) {
    const child = world.names(node).entries.get(part)
    if (child === undefined) throw new Violation(1, `the directory ${path} is gone`)
    node = child
  }
  return world.names(node)
}

/** What a guest reads through the chain whose top is `layer`; every layer that it needs is added to `reached`. */
export function readChain(world: World, layers: Names, layer: string, reached?: Set<string>, depth = 0): GuestBytes {
  const node = layers.entries.get(layer)
  if (node === undefined) throw new Violation(1, `layer ${layer} is gone`)
  if (depth > 60) throw new Violation(1, `the chain of ${layer} has no end`)
  reached?.add(layer)
  const content = world.content(node)
  if (layer.endsWith('.raw')) return rawBytes(content)
  const image = (() => {
    try {
      return qcow2Of(content)
    } catch (error) {
      throw error instanceof Violation ? new Violation(error.invariant, `${layer}: ${error.message}`) : error
    }
  })()
  const backing = image.backing
  if (backing !== null && !/^[0-9a-f]{32}\.(qcow2|raw)$/.test(backing.name)) throw new Violation(1, `${layer} backs on '${backing.name}'`)
  if (backing !== null && !backing.name.endsWith(`.${backing.format}`)) throw new Violation(1, `${layer} states a wrong format for ${backing.name}`)
  const below = backing === null ? null : readChain(world, layers, backing.name, reached, depth + 1)
  let seen = image.chains.get(below)
  if (seen === undefined) {
    seen = combine(content, image, below)
    image.chains.set(below, seen)
  }
  return seen
}

function rawBytes(content: Content): GuestBytes {
  if (content.parsed === undefined) {
    content.parsed = guestBytes(Array.from({ length: content.length / PAGE_BYTES }, (_, i) => content.pages.get(i) ?? null))
  }
  return content.parsed as GuestBytes
}

/** The name that a qcow2 image backs on, or null. */
export function backingName(content: Content): string | null {
  return qcow2Of(content).backing?.name ?? null
}

/** What a guest reads through one qcow2 image over `below`. */
export function readOver(content: Content, below: GuestBytes | null): GuestBytes {
  return combine(content, qcow2Of(content), below)
}

function combine(content: Content, image: Qcow2, below: GuestBytes | null): GuestBytes {
  const pages: (Page | null)[] = []
  for (let i = 0; i * PAGE_BYTES < image.sizeBytes; i++) {
    const first = image.clusters[Math.floor(i / image.clusterPages)]!
    if (first > 0) pages.push(content.pages.get(first + (i % image.clusterPages)) ?? null)
    else pages.push(first === 0 ? null : (below?.pages[i] ?? null))
  }
  return guestBytes(pages)
}

/** A box record as the judge reads it. */
export interface RecordSeen {
  readonly generation: number
  readonly id: string
  readonly name: string | null
  readonly live: string
  readonly machine: unknown
  readonly pending: unknown
  readonly resume: unknown
  readonly snapshots: readonly { id: string; name: string; layer: string; parent: string | null }[]
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** The record in a file, whole: JSON, `check` last, which is the CRC-32C of what stands before it. */
export function readRecord(content: Content, where: string): RecordSeen {
  if (content.parsed instanceof Violation) throw content.parsed
  if (content.parsed !== undefined) return content.parsed as RecordSeen
  const bytes = content.bytes()
  try {
    const text = decoder.decode(bytes)
    const match = /"check":"([0-9a-f]{8})"\}\n?$/.exec(text)
    if (match === null) throw new Error('it does not end in its check')
    const check = crc32c(bytes.subarray(0, new TextEncoder().encode(text.slice(0, match.index)).length))
    if (check.toString(16).padStart(8, '0') !== match[1]) throw new Error(`its check is ${match[1]}, its bytes have ${check.toString(16)}`)
    content.parsed = JSON.parse(text) as RecordSeen
  } catch (error) {
    content.parsed = new Violation(1, `the record ${where} is not whole: ${(error as Error).message} (${bytes.length} bytes)`)
    throw content.parsed
  }
  return content.parsed as RecordSeen
}

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  return crc
})

/** CRC-32C (RFC 3720), bit by bit from its polynomial. */
export function crc32c(bytes: Uint8Array): number {
  let crc = -1
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255]!
  return ~crc >>> 0
}
