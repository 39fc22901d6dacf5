// An open chain, from the host's side: layers are added from the top down, then ranges are mapped.
// What the core lacks it asks for, and the host supplies it and calls again; a call that was
// answered with WANT has changed nothing.

import { OFFSET_LIMIT_BYTES } from '../limits'
import { allocate, ensureExchange } from '../memory'
import { BackingFormat, DiskStatus, Field, Refusal } from './abi'
import { cacheInit, cacheSupply, SLICE_BYTES } from './cache'
import { chainAdd, chainInit, layerCount, refuseDisk } from './chain'
import { parseHeader } from './header'
import { Header } from './header-facts'
import { fillFacts } from './image'

let header: usize = 0

/** Starts an empty chain with a metadata cache of about `cacheBytes`: DONE, or 0 when memory is out. */
export function diskBegin(cacheBytes: u32): i32 {
  header = allocate(<u32>offsetof<Header>())
  return header != 0 && chainInit() && cacheInit(cacheBytes) ? DiskStatus.DONE : 0
}

/**
 * Adds the next layer down, of a `BackingFormat`; of a qcow2 one the first `headerBytes` bytes are in the exchange buffer.
 * Answers DONE or a refusal (MORE included); the header's facts are at `imageFacts()`.
 */
export function diskAdd(format: i32, fileBytes: f64, headerBytes: u32): i32 {
  if (fileBytes > <f64>OFFSET_LIMIT_BYTES) return refuseDisk(Refusal.LIMIT, Field.HEADER, 0, 0)
  if (format == BackingFormat.RAW) return chainAdd(null, <u64>fileBytes)
  const bytes = ensureExchange(headerBytes)
  if (bytes == 0) return refuseDisk(Refusal.LIMIT, Field.MEMORY, headerBytes, 0)
  const parsed = changetype<Header>(header)
  const refusal = parseHeader(bytes, headerBytes, <u64>fileBytes, parsed)
  if (!fillFacts(parsed)) return refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, 0)
  return refusal == Refusal.NONE ? chainAdd(parsed, <u64>fileBytes) : refuseDisk(refusal, parsed.field, parsed.value, layerCount)
}

/** Takes the wanted metadata, of which the first `bytes` bytes are in the exchange buffer (fewer only at the end of the file). */
export function diskSupply(layer: u32, offset: f64, bytes: u32): i32 {
  const source = ensureExchange(bytes)
  if (source == 0) return refuseDisk(Refusal.LIMIT, Field.MEMORY, bytes, layer)
  // At least one slice, where the file ends before it even: it reads as zeros.
  for (let at: u32 = 0; at == 0 || at < bytes; at += SLICE_BYTES) {
    if (!cacheSupply(layer, <u64>offset + at, source + at, bytes - at)) return refuseDisk(Refusal.LIMIT, Field.MEMORY, 0, layer)
  }
  return DiskStatus.DONE
}
