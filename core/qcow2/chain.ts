// An open chain of layers: what is known of each, and which bytes of which file stand behind a
// range of the guest's disk. Entries of L1 and L2 tables are checked each time they are used.

import { LAYER_LIMIT } from '../limits'
import { allocate } from '../memory'
import { DiskFact, DiskStatus, Field, Refusal } from './abi'
import { cached, SLICE_BYTES, sliceStart } from './cache'
import { Header } from './header-facts'

/** One layer, as compact as a chain of a thousand wants it. */
@unmanaged
export class Layer {
  sizeBytes: u64
  fileBytes: u64
  l1Offset: u64
  reftableOffset: u64
  reftableBytes: u64
  l1Entries: u32
  index: u32
  /** 0 for a raw layer. */
  clusterBits: u32
  /** Entries of an L2 table are 1 << l2Bits. */
  l2Bits: u32
  version: u32
  extendedL2: bool

  get clusterBytes(): u64 {
    return <u64>1 << this.clusterBits
  }

  get isRaw(): bool {
    return this.clusterBits == 0
  }
}

let layers: usize = 0
let facts: usize = 0
export let layerCount: u32 = 0

/** Starts an empty chain; false when memory is out. */
export function chainInit(): bool {
  layerCount = 0
  layers = allocate(LAYER_LIMIT * <u32>offsetof<Layer>())
  facts = allocate(DiskFact.COUNT * 8)
  return layers != 0 && facts != 0
}

export function layerAt(index: u32): Layer {
  return changetype<Layer>(layers + <usize>index * offsetof<Layer>())
}

/** Adds a layer below those that are there. `header` is null for a raw one. */
export function chainAdd(header: Header | null, fileBytes: u64): i32 {
  if (layerCount >= LAYER_LIMIT) return refuseDisk(Refusal.LIMIT, Field.LAYERS, layerCount, layerCount)
  const layer = layerAt(layerCount)
  layer.index = layerCount++
  layer.fileBytes = fileBytes
  layer.sizeBytes = fileBytes
  layer.clusterBits = 0
  if (header === null) return DiskStatus.DONE
  layer.sizeBytes = header.virtualSizeBytes
  layer.l1Offset = header.l1Offset
  layer.l1Entries = header.l1Entries
  layer.reftableOffset = header.reftableOffset
  layer.reftableBytes = <u64>header.reftableClusters << header.clusterBits
  layer.clusterBits = header.clusterBits
  layer.l2Bits = header.clusterBits - (header.extendedL2 ? 4 : 3)
  layer.version = header.version
  layer.extendedL2 = header.extendedL2
  return DiskStatus.DONE
}

/** The list of f64 that `DiskFact` describes. */
export function diskFacts(): usize {
  return facts
}

export function setFact(index: i32, value: f64): void {
  store<f64>(facts + (<usize>index << 3), value)
}

/** Notes what a refusal is about; the status to answer. */
export function refuseDisk(refusal: i32, field: i32, value: u64, layer: u32): i32 {
  setFact(DiskFact.FIELD, field)
  setFact(DiskFact.VALUE, <f64>value)
  setFact(DiskFact.LAYER, layer)
  return -refusal
}

/** Notes that a slice is wanted; the status to answer. */
export function wantSlice(layer: u32, offset: u64): i32 {
  setFact(DiskFact.WANT_LAYER, layer)
  setFact(DiskFact.WANT_OFFSET, <f64>sliceStart(offset))
  setFact(DiskFact.WANT_BYTES, SLICE_BYTES)
  return DiskStatus.WANT
}

/** A pointer to 8 cached bytes of a table, or 0: then they are wanted. */
export function tableEntry(layer: u32, offset: u64): usize {
  const at = cached(layer, offset)
  if (at == 0) wantSlice(layer, offset)
  return at
}

/** Whether `bytes` from `offset` lie on a structure that every image has: header, L1 table, refcount table. */
export function onFixedStructure(layer: Layer, offset: u64, bytes: u64): bool {
  if (offset < layer.clusterBytes) return true
  if (offset < layer.reftableOffset + layer.reftableBytes && layer.reftableOffset < offset + bytes) return true
  const l1Bytes = <u64>layer.l1Entries << 3
  return l1Bytes != 0 && offset < layer.l1Offset + l1Bytes && layer.l1Offset < offset + bytes
}

/** Whether a whole cluster may be at `offset` of a layer's file: the status DONE, or a refusal about `field`. */
export function judgeCluster(layer: Layer, offset: u64, field: i32): i32 {
  if ((offset & (layer.clusterBytes - 1)) != 0) return refuseDisk(Refusal.UNALIGNED, field, offset, layer.index)
  // The last cluster of a file may be cut short; what is not there reads as zeros.
  if (offset >= layer.fileBytes) return refuseDisk(Refusal.OUTSIDE, field, offset, layer.index)
  if (onFixedStructure(layer, offset, layer.clusterBytes)) return refuseDisk(Refusal.OVERLAP, field, offset, layer.index)
  return DiskStatus.DONE
}
