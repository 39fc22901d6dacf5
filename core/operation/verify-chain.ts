// Verifies a chain of layers, from its top down to its base: every file there, every header valid, every backing name a
// layer of the home in the format that its name states, no circle, and no more layers than the limit.
//
//   READ_HEAD top ── backs on P ──> READ_HEAD P ── ... ──> base
//
// Below the top a host may answer with heads it remembers, where the operation stands on a disk that is in use. They may be of
// before a merge, when the chain was longer, so a chain that is refused by them is walked once more without. A snapshot that is
// to be used again is looked at as it is.

import { isLayerName, layerFormat, LayerFormat, layerNameBytes, sameLayer } from '../id'
import { CHAIN_LIMIT } from '../record-limits'
import { allocate } from '../memory'
import { Refusal } from '../qcow2/abi'
import { Header, parseHeader } from '../qcow2/header'
import { HeadOf, Reason, Status } from './abi'
import { effectNumber, readHead } from './effect'
import { call, fail, failBecause, FAILED, failureCode, forgive, OK, Routine } from './frames'
import { fieldBytes, getBytes, getInteger } from './message'

/** What is read of a layer at first: the header and name of a layer of our own, and of nearly every other. */
export const HEAD_BYTES: u32 = 4096

let layers: usize = 0
let start: usize = 0
let at: usize = 0
let header = changetype<Header>(0)

/** How many layers the verified chain has. */
export let chainLength: u32 = 0
/** Virtual size of its top, rounded up to whole sectors of 512 bytes. */
export let chainSizeBytes: u64 = 0

/** Forgets the last operation's chain. */
export function resetChain(): void {
  layers = 0
  header = changetype<Header>(0)
}

/** Verifies the chain whose top is `top`, the live layer of a box. */
export function verify(top: usize, next: i32): i32 {
  start = top
  fromMemory = true
  return call(Routine.VERIFY_CHAIN, next)
}

/** The same for the layer of a snapshot, each layer as it is now. */
export function verifyAnew(top: usize, next: i32): i32 {
  start = top
  fromMemory = false
  return call(Routine.VERIFY_CHAIN, next)
}

export function verifyChain(phase: i32, value: i32): i32 {
  if (phase == 0) {
    if (layers == 0) layers = allocate(CHAIN_LIMIT * sizeof<usize>())
    if (layers == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
    return walk()
  }
  const result = goDown(value)
  if (!isDoubtful(result)) return result
  forgive()
  fromMemory = false
  return walk()
}

/** Whether heads that are remembered will do on this walk. */
let fromMemory = true

function walk(): i32 {
  chainLength = 0
  return look(start)
}

/** Whether what is remembered may be why the chain is refused, or has no room. */
function isDoubtful(result: i32): bool {
  if (!fromMemory || chainLength == 0) return false
  return result == FAILED ? failureCode == Status.CORRUPT || failureCode == Status.LIMIT : result == OK && chainLength == CHAIN_LIMIT
}

function goDown(value: i32): i32 {
  const verdict = judgeHead(at, value)
  if (verdict == AGAIN) return readHeadOf(at, headNeededBytes, HeadOf.ANY, 1)
  if (verdict != OK) return FAILED
  if (chainLength == 0) chainSizeBytes = headSizeBytes
  store<usize>(layers + <usize>chainLength * sizeof<usize>(), at)
  chainLength++
  if (headBacking == 0) return OK
  for (let i: u32 = 0; i < chainLength; i++) {
    if (sameLayer(load<usize>(layers + <usize>i * sizeof<usize>()), headBacking))
      return fail(Status.CORRUPT, Reason.CHAIN_CYCLE, start, layerNameBytes(start), 0)
  }
  if (chainLength == CHAIN_LIMIT) return fail(Status.LIMIT, Reason.CHAIN_TOO_LONG, start, layerNameBytes(start), CHAIN_LIMIT)
  return look(headBacking)
}

/** Fails when another layer on top of the verified chain would be one too many. */
export function needChainRoom(): i32 {
  return chainLength < CHAIN_LIMIT ? OK : fail(Status.LIMIT, Reason.CHAIN_TOO_LONG, start, layerNameBytes(start), CHAIN_LIMIT)
}

function look(layer: usize): i32 {
  at = layer
  // What lies below the top is frozen: its header changes by merging alone, which keeps its size and shortens its chain.
  return readHeadOf(layer, 0, chainLength == 0 ? HeadOf.ANY : fromMemory ? HeadOf.KNOWN : HeadOf.DEEPER, 1)
}

let askedBytes: u32 = 0

/** READ_HEAD of a layer: so many bytes, or 0 for as many as are read at first. Of a raw one its length is all there is to know. */
export function readHeadOf(layer: usize, bytes: u32, known: i32, next: i32): i32 {
  askedBytes = layerFormat(layer) == LayerFormat.RAW ? 0 : bytes == 0 ? HEAD_BYTES : bytes
  return readHead(layer, layerNameBytes(layer), askedBytes, known, next)
}

/** What `judgeHead` answers when more of the file has to be read: `headNeededBytes` from its start. */
export const AGAIN: i32 = 2
export let headNeededBytes: u32 = 0
/** Virtual size of the judged layer, rounded up to whole sectors. */
export let headSizeBytes: u64 = 0
/** The layer it backs on, in a place of its own, or 0. */
export let headBacking: usize = 0

/** Judges the answer to READ_HEAD of a layer: OK, AGAIN, or FAILED with the failure noted. */
export function judgeHead(layer: usize, status: i32): i32 {
  const nameBytes = layerNameBytes(layer)
  if (status == Status.NOT_FOUND) return fail(Status.CORRUPT, Reason.LAYER_MISSING, layer, nameBytes, 0)
  if (status != Status.OK) return failBecause(effectNumber, status)
  const fileBytes = getInteger()
  const head = getBytes()
  headBacking = 0
  headSizeBytes = (fileBytes + 511) & ~511
  if (layerFormat(layer) == LayerFormat.RAW) return OK
  if (changetype<usize>(header) == 0) header = changetype<Header>(allocate(offsetof<Header>()))
  if (changetype<usize>(header) == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  const refusal = parseHeader(head, fieldBytes, fileBytes, header)
  if (refusal == Refusal.MORE) {
    // A host that gave less than was asked for would be asked forever.
    if (header.neededBytes <= askedBytes) return fail(Status.IO, Reason.LAYER_REFUSED, layer, nameBytes, header.field)
    headNeededBytes = header.neededBytes
    return AGAIN
  }
  if (refusal != Refusal.NONE) return fail(statusOf(refusal), Reason.LAYER_REFUSED, layer, nameBytes, header.field)
  headSizeBytes = header.virtualSizeBytes
  if (header.backingNameBytes == 0) return OK
  if (!isLayerName(header.backingName, header.backingNameBytes) || header.backingFormat != layerFormat(header.backingName))
    return fail(Status.CORRUPT, Reason.LAYER_PARENT, layer, nameBytes, 0)
  headBacking = allocate(header.backingNameBytes)
  if (headBacking == 0) return fail(Status.LIMIT, Reason.OUT_OF_MEMORY, 0, 0, 0)
  memory.copy(headBacking, header.backingName, header.backingNameBytes)
  return OK
}

function statusOf(refusal: i32): i32 {
  if (refusal == Refusal.UNSUPPORTED) return Status.UNSUPPORTED
  return refusal == Refusal.LIMIT ? Status.LIMIT : Status.CORRUPT
}
