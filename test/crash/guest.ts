// The guest's side of a layer, as a machine's own qcow2 writer does it: one page at a time, data before
// refcounts before L2 before L1, with syncs between. It keeps nothing in memory, so that a machine is
// forked with its world. Written from the specification, sharing no line with the code under test.

import { PAGE_BYTES } from './content.ts'
import { readChain, type GuestBytes } from './image-reader.ts'
import type { Names, World } from './world.ts'

const CLUSTER_BYTES = 65536
const COPIED = 1n << 63n
const OFFSET_MASK = 0x00fffffffffffe00n

/** A page that no other write of this value differs from: `value` repeated. */
export function patternPage(value: number): Uint8Array {
  const words = new Uint32Array(PAGE_BYTES / 4).fill(value)
  return new Uint8Array(words.buffer)
}

/** Writes one page of a guest's disk into the layer at `node`; acknowledged, not yet durable. */
export function writeGuest(world: World, node: number, layers: Names, layer: string, page: number, bytes: Uint8Array): void {
  const head = new View(world, node)
  const cluster = Math.floor((page * PAGE_BYTES) / CLUSTER_BYTES)
  const l1At = head.u64(40) + Math.floor(cluster / 8192) * 8
  const l2 = Number(head.big(l1At) & OFFSET_MASK)
  const l2At = l2 + (cluster % 8192) * 8
  const entry = l2 === 0 ? 0n : head.big(l2At)
  const mapped = (entry & 1n) === 0n ? Number(entry & OFFSET_MASK) : 0
  const inCluster = (page * PAGE_BYTES) % CLUSTER_BYTES
  if (mapped !== 0) {
    world.write(node, mapped + inCluster, bytes)
    return
  }
  const below = readChain(world, layers, layer)
  const data = roundUp(world.content(node).length)
  world.write(node, data, copyCluster(below, cluster, inCluster, bytes))
  world.sync(node)
  reference(world, node, head, data)
  if (l2 !== 0) {
    world.sync(node)
    world.write(node, l2At, word(BigInt(data) | COPIED))
    return
  }
  const table = roundUp(world.content(node).length)
  const entries = new Uint8Array(CLUSTER_BYTES)
  entries.set(word(BigInt(data) | COPIED), (cluster % 8192) * 8)
  world.write(node, table, entries)
  reference(world, node, head, table)
  world.sync(node)
  world.write(node, l1At, word(BigInt(table) | COPIED))
}

function reference(world: World, node: number, head: View, offset: number): void {
  const cluster = offset / CLUSTER_BYTES
  const block = Number(head.big(head.u64(48) + Math.floor(cluster / 32768) * 8))
  world.write(node, block + (cluster % 32768) * 2, Uint8Array.of(0, 1))
}

function copyCluster(below: GuestBytes, cluster: number, inCluster: number, bytes: Uint8Array): Uint8Array {
  const data = new Uint8Array(CLUSTER_BYTES)
  const first = (cluster * CLUSTER_BYTES) / PAGE_BYTES
  for (let i = 0; i < CLUSTER_BYTES / PAGE_BYTES; i++) data.set(below.pages[first + i]?.bytes ?? [], i * PAGE_BYTES)
  data.set(bytes, inCluster)
  return data
}

function roundUp(length: number): number {
  return Math.ceil(length / CLUSTER_BYTES) * CLUSTER_BYTES
}

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}

/** Big-endian words of a file. */
class View {
  readonly #world: World
  readonly #node: number

  constructor(world: World, node: number) {
    this.#world = world
    this.#node = node
  }

  big(offset: number): bigint {
    const bytes = new Uint8Array(8)
    this.#world.content(this.#node).read(bytes, offset)
    return new DataView(bytes.buffer).getBigUint64(0)
  }

  u64(offset: number): number {
    return Number(this.big(offset))
  }
}
