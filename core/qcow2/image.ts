// One image by itself, for the host side: what its header says, and the plan of a new one.

import { allocate, ensureExchange } from '../memory'
import { HeaderFact, Refusal } from './abi'
import { ImagePlan, planImage } from './create'
import { parseHeader } from './header'
import { AUTOCLEAR_BITMAPS, COMPATIBLE_LAZY_REFCOUNTS, Header, INCOMPATIBLE_CORRUPT, INCOMPATIBLE_DIRTY } from './header-facts'

let facts: usize = 0

/** Forgets the list of facts; its memory is gone with the arena. */
export function resetImage(): void {
  facts = 0
}

/** A pointer to `HeaderFact.COUNT` f64s about the last header that was parsed; valid until the next call. */
export function imageFacts(): usize {
  return facts
}

/** Parses the header in the first `lengthBytes` of the exchange buffer: 0 or a `Refusal`; the facts are at `imageFacts()`. */
export function imageParse(lengthBytes: u32, fileBytes: f64): i32 {
  const header = changetype<Header>(allocate(<u32>offsetof<Header>()))
  const bytes = ensureExchange(lengthBytes)
  if (changetype<usize>(header) == 0 || bytes == 0 || !ensureFacts()) return Refusal.LIMIT
  const refusal = parseHeader(bytes, lengthBytes, <u64>fileBytes, header)
  fillFacts(header)
  return refusal
}

/** Plans an image (see `planImage`) whose backing name is in the exchange buffer. Answers a pointer to the plan:
 * f64s refusal, field, file bytes, number of segments, then offset, pointer and bytes of each; 0 when memory is out. */
export function imagePlan(virtualSizeBytes: f64, backingNameBytes: u32, backingFormat: i32): usize {
  const out = allocate(8 * 16)
  const plan = changetype<ImagePlan>(allocate(<u32>offsetof<ImagePlan>()))
  const name = ensureExchange(backingNameBytes)
  if (out == 0 || changetype<usize>(plan) == 0 || name == 0) return 0
  const refusal = planImage(<u64>virtualSizeBytes, name, backingNameBytes, backingFormat, plan)
  store<f64>(out, refusal)
  store<f64>(out + 8, plan.field)
  store<f64>(out + 16, <f64>plan.fileBytes)
  if (refusal != Refusal.NONE) return out
  store<f64>(out + 24, plan.segmentCount)
  for (let i: u32 = 0; i < plan.segmentCount; i++) {
    const segment = plan.segment(i)
    const at = out + 32 + i * 24
    store<f64>(at, <f64>segment.offset)
    store<f64>(at + 8, <f64>segment.pointer)
    store<f64>(at + 16, segment.bytes)
  }
  return out
}

function ensureFacts(): bool {
  if (facts == 0) facts = allocate(HeaderFact.COUNT * 8)
  return facts != 0
}

function fact(index: i32, value: f64): void {
  store<f64>(facts + (<usize>index << 3), value)
}

/** Puts `header` into the list of facts. Numbers over 2^53 only occur as the value of a refusal, where they are rounded. */
export function fillFacts(header: Header): bool {
  if (!ensureFacts()) return false
  fact(HeaderFact.FIELD, header.field)
  fact(HeaderFact.VALUE, <f64>header.value)
  fact(HeaderFact.NEEDED_BYTES, header.neededBytes)
  fact(HeaderFact.VERSION, header.version)
  fact(HeaderFact.CLUSTER_BITS, header.clusterBits)
  fact(HeaderFact.VIRTUAL_SIZE_BYTES, <f64>header.virtualSizeBytes)
  fact(HeaderFact.BACKING_NAME_AT, <f64>header.backingName)
  fact(HeaderFact.BACKING_NAME_BYTES, header.backingNameBytes)
  fact(HeaderFact.BACKING_NAME_KIND, header.backingNameKind)
  fact(HeaderFact.BACKING_NAME_OFFSET, header.backingNameOffset)
  fact(HeaderFact.BACKING_FORMAT, header.backingFormat)
  fact(HeaderFact.BACKING_FORMAT_AT, <f64>header.backingFormatText)
  fact(HeaderFact.BACKING_FORMAT_BYTES, header.backingFormatBytes)
  fact(HeaderFact.OWN_FORM, header.ownForm ? 1 : 0)
  fact(HeaderFact.L1_ENTRIES, header.l1Entries)
  fact(HeaderFact.L1_OFFSET, <f64>header.l1Offset)
  fact(HeaderFact.REFTABLE_OFFSET, <f64>header.reftableOffset)
  fact(HeaderFact.REFTABLE_CLUSTERS, header.reftableClusters)
  fact(HeaderFact.SNAPSHOT_COUNT, header.snapshotCount)
  fact(HeaderFact.SNAPSHOTS_OFFSET, <f64>header.snapshotsOffset)
  fact(HeaderFact.REFCOUNT_ORDER, header.refcountOrder)
  fact(HeaderFact.COMPRESSION_TYPE, header.compressionType)
  fact(HeaderFact.HEADER_BYTES, header.headerBytes)
  fact(HeaderFact.DIRTY, (header.incompatible & INCOMPATIBLE_DIRTY) != 0 ? 1 : 0)
  fact(HeaderFact.CORRUPT, (header.incompatible & INCOMPATIBLE_CORRUPT) != 0 ? 1 : 0)
  fact(HeaderFact.EXTENDED_L2, header.extendedL2 ? 1 : 0)
  fact(HeaderFact.LAZY_REFCOUNTS, (header.compatible & COMPATIBLE_LAZY_REFCOUNTS) != 0 ? 1 : 0)
  fact(HeaderFact.BITMAP_COUNT, header.bitmapCount)
  fact(HeaderFact.UNKNOWN_COMPATIBLE, (header.compatible & ~COMPATIBLE_LAZY_REFCOUNTS) != 0 ? 1 : 0)
  fact(HeaderFact.UNKNOWN_AUTOCLEAR, (header.autoclear & ~AUTOCLEAR_BITMAPS) != 0 ? 1 : 0)
  fact(HeaderFact.FOREIGN_EXTENSIONS, header.foreignExtensions)
  fact(HeaderFact.FEATURE_NAME_AT, <f64>header.featureName)
  fact(HeaderFact.FEATURE_NAME_BYTES, header.featureNameBytes)
  return true
}
