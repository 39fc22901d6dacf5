// Makes layers for the tests' imports: raw, and small qcow2 of the standard form, from the
// specification. Every cluster of the disk lies in the file in order.

import { PAGE_BYTES, type Page } from './content.ts'
import type { GuestBytes } from './image-reader.ts'

const CLUSTER_BYTES = 65536

/** A part of a file: where, and which bytes. */
export interface Segment {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A raw disk, page by page. */
export function rawImage(disk: GuestBytes): Segment[] {
  return pagesAt(disk.pages, 0)
}

/** A qcow2 overlay that holds nothing yet, over `backing`. */
export function emptyOverlay(sizeBytes: number, backing: string): Segment[] {
  return qcow2(sizeBytes, 0, null, backing)
}

/** A qcow2 image that holds all of `disk`, over `backing` (a file name) or over nothing. */
export function qcow2Image(disk: GuestBytes, backing: string | null): Segment[] {
  const sizeBytes = disk.pages.length * PAGE_BYTES
  return qcow2(sizeBytes, Math.ceil(sizeBytes / CLUSTER_BYTES), disk, backing)
}

function qcow2(sizeBytes: number, clusters: number, disk: GuestBytes | null, backing: string | null): Segment[] {
  const [table, block, l1, l2, data] = [1, 2, 3, 4, 5].map((cluster) => cluster * CLUSTER_BYTES) as [number, number, number, number, number]
  const head = new Uint8Array(512)
  const view = new DataView(head.buffer)
  view.setUint32(0, 0x514649fb)
  view.setUint32(4, 3)
  view.setUint32(20, 16)
  view.setBigUint64(24, BigInt(sizeBytes))
  view.setUint32(36, 1)
  view.setBigUint64(40, BigInt(l1))
  view.setBigUint64(48, BigInt(table))
  view.setUint32(56, 1)
  view.setUint32(96, 4)
  view.setUint32(100, 112)
  if (backing !== null) stateBacking(head, view, backing)
  const counts = new Uint8Array((5 + clusters) * 2).map((_, i) => i & 1)
  const entries = new DataView(new ArrayBuffer(clusters * 8))
  for (let i = 0; i < clusters; i++) entries.setBigUint64(i * 8, BigInt(data + i * CLUSTER_BYTES) | (1n << 63n))
  const end = data + clusters * CLUSTER_BYTES
  return [
    { offset: 0, bytes: head },
    { offset: table, bytes: word(BigInt(block)) },
    { offset: block, bytes: counts },
    { offset: l1, bytes: word(BigInt(l2) | (1n << 63n)) },
    ...pagesAt(disk?.pages ?? [], data),
    { offset: end - 1, bytes: Uint8Array.of(disk?.pages.at(-1)?.bytes[PAGE_BYTES - 1] ?? 0) },
    { offset: l2, bytes: new Uint8Array(entries.buffer) },
  ]
}

function stateBacking(head: Uint8Array, view: DataView, backing: string): void {
  const text = new TextEncoder()
  const format = text.encode(backing.endsWith('.raw') ? 'raw' : 'qcow2')
  view.setUint32(112, 0xe2792aca)
  view.setUint32(116, format.length)
  head.set(format, 120)
  const name = text.encode(backing)
  const at = 136
  head.set(name, at)
  view.setBigUint64(8, BigInt(at))
  view.setUint32(16, name.length)
}

function pagesAt(pages: readonly (Page | null)[], start: number): Segment[] {
  const segments: Segment[] = []
  for (const [i, page] of pages.entries()) {
    if (page === null) continue
    const bytes = new Uint8Array(PAGE_BYTES)
    bytes.set(page.bytes)
    segments.push({ offset: start + i * PAGE_BYTES, bytes })
  }
  return segments
}

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}
