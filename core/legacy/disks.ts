// Every disk of an old home, and what each backs on: what has to be known before one of them is moved.

import { fieldBytes, getBytes, getInteger, getNumber, keepBytes, messageBroken } from '../operation/message'
import { allocate } from '../memory'
import { OLD_DISK_LIMIT } from '../limits'
import { Refusal } from '../qcow2/abi'
import { Header, parseHeader } from '../qcow2/header'
import { sameBytes } from '../text'
import { lastComponents } from './paths'

@unmanaged
export class OldDisk {
  path: usize
  pathBytes: u32
  /** What it backs on, as its header says it; 0 for nothing. */
  backing: usize
  backingBytes: u32
  modifiedMs: f64
  /** What tells its file from any other, under whatever name; empty where the host cannot say. */
  identity: usize
  identityBytes: u32
}

let table: usize = 0
let headerStart: usize = 0
/** How many disks there are. */
export let diskCount: u32 = 0

/** Forgets every disk. */
export function resetDisks(): void {
  table = 0
  headerStart = 0
  diskCount = 0
}

export function disk(index: u32): OldDisk {
  return changetype<OldDisk>(table + <usize>index * offsetof<OldDisk>())
}

/** Takes the answer to LIST_DISKS from the open message; false where it is too long or not what it must be. */
export function takeDisks(): bool {
  const count = getInteger()
  if (count > OLD_DISK_LIMIT) return false
  diskCount = <u32>count
  table = allocate(diskCount * <u32>offsetof<OldDisk>())
  if (table == 0) return false
  for (let i: u32 = 0; i < diskCount; i++) {
    const entry = disk(i)
    entry.path = keepBytes()
    entry.pathBytes = fieldBytes
    entry.modifiedMs = getNumber()
    entry.identity = keepBytes()
    entry.identityBytes = fieldBytes
  }
  return !messageBroken()
}

/** Where the backing name of the last header that `readBacking` took is; 0 for none. */
export let backingStart: usize = 0
export let backingBytes: u32 = 0

/** Whether the last header that was taken is one. */
export let isImage = false

/** Takes the answer to READ_HEAD from the open message; false where the header cannot be understood. A file that is no qcow2 backs on nothing. */
export function readBacking(): bool {
  backingStart = 0
  backingBytes = 0
  isImage = false
  const fileBytes = getInteger()
  const start = getBytes()
  if (headerStart == 0) headerStart = allocate(<u32>offsetof<Header>())
  if (messageBroken() || headerStart == 0) return false
  const header = changetype<Header>(headerStart)
  const refusal = parseHeader(start, fieldBytes, fileBytes, header)
  if (refusal == Refusal.NOT_QCOW2) return true
  if (refusal != Refusal.NONE) return false
  isImage = true
  if (header.backingNameBytes == 0) return true
  // Kept aside: the message it stands in goes away.
  backingStart = allocate(header.backingNameBytes)
  if (backingStart == 0) return false
  backingBytes = header.backingNameBytes
  memory.copy(backingStart, header.backingName, backingBytes)
  return true
}

/** Whether a backing name ends in the last `components` components of `path`. */
export function endsAlike(name: usize, nameBytes: u32, path: usize, pathBytes: u32, components: u32): bool {
  if (name == 0) return false
  const tail = lastComponents(path, pathBytes, components)
  const end = lastComponents(name, nameBytes, components)
  return sameBytes(end, <u32>(name + nameBytes - end), tail, <u32>(path + pathBytes - tail))
}

/** Whether any disk, of those whose path begins with `prefix`, backs on the disk `index`. */
export function isNeeded(index: u32, components: u32, prefix: usize, prefixBytes: u32): bool {
  const wanted = disk(index)
  for (let i: u32 = 0; i < diskCount; i++) {
    const other = disk(i)
    if (i == index || !isUnder(other, prefix, prefixBytes)) continue
    if (endsAlike(other.backing, other.backingBytes, wanted.path, wanted.pathBytes, components)) return true
  }
  return false
}

/** Whether the disk's path begins with `prefix`. */
export function isUnder(entry: OldDisk, prefix: usize, prefixBytes: u32): bool {
  return entry.pathBytes > prefixBytes && memory.compare(entry.path, prefix, prefixBytes) == 0
}
