// Carries out the effects of the machine of core/operation on the home, as src/perform.ts and the store do elsewhere.
//
// The caller of the command holds the home: nothing else uses it, and no machine of its boxes lives. So every lock is
// taken already, and a machine that a record names is answered for as gone. What would bring in or fold disks is no
// part of recovery and is refused.

import { RECORD_LIMIT_BYTES } from '../record-limits'
import { allocate } from '../memory'
import { Effect, MachineState, Place, Status } from '../operation/abi'
import { fieldBytes, fieldStart, getBytes, getInteger, openAnswer, putBytes, putNumber } from '../operation/message'
import { Errno, FileType, clockTimeGet } from './calls'
import { closeListing, listedBytes, listedName, nextListed, openListing } from './listing'
import {
  keepFrom,
  readPath,
  removeDirectoryPath,
  renamePath,
  statFile,
  statPath,
  statSize,
  statType,
  syncDirectory,
  transferred,
  unlinkKept,
  unlinkPath,
  writeNew,
} from './files'
import { appendDigits, appendText, cutPath, descend, directoryPath, entryPath, pathLength } from './path'
import { reportFinding } from './report'

/** Most names in one directory; a listing that does not end by then is no listing. */
const LISTING_LIMIT_NAMES: u32 = 1 << 22

const now = memory.data(8)
let directoriesSync = false
let temporaries: u32 = 0

/** Whether the four directories of the home can be synced here. */
export function canSyncDirectories(): bool {
  return directoriesSync
}

export function setDirectoriesSync(can: bool): void {
  directoriesSync = can
}

/** Carries out the effect whose message is being read, leaves the answer in its place and gives its `Status`. */
export function carryOut(): i32 {
  const effect = <i32>getInteger()
  switch (effect) {
    case Effect.LOCK_BOX:
    case Effect.LOCK_HOME:
    case Effect.LOCK_NAME:
      return answerHeld()
    case Effect.LIST:
      return list(<i32>getInteger(), getInteger())
    case Effect.READ_RECORD:
      return readRecord(<i32>getInteger())
    case Effect.COMMIT_RECORD:
      return answerNothing(commitRecord(<i32>getInteger()))
    case Effect.REMOVE_RECORD:
      return answerNothing(removeRecord(<i32>getInteger()))
    case Effect.READ_HEAD:
      return readHead()
    case Effect.SYNC_DIRECTORY:
      return answerNothing(syncPlace(<i32>getInteger()))
    case Effect.REMOVE:
      return answerNothing(remove(<i32>getInteger()))
    case Effect.ASK:
      return answerMachine()
    case Effect.KILL:
      return answerNothing(Status.OK)
    case Effect.REPORT:
      reportFinding()
      return answerNothing(Status.OK)
    default:
      return answerNothing(Status.UNSUPPORTED)
  }
}

/** What an errno means to the core; the same words as src/store/file-error.ts. */
export function statusOf(errno: i32): i32 {
  switch (errno) {
    case Errno.SUCCESS:
      return Status.OK
    case Errno.NOENT:
      return Status.NOT_FOUND
    case Errno.EXIST:
      return Status.ALREADY_EXISTS
    case Errno.NOSPC:
    case Errno.DQUOT:
      return Status.NO_SPACE
    default:
      return Status.IO
  }
}

function answerNothing(status: i32): i32 {
  return openAnswer(0) ? status : Status.LIMIT
}

/** The caller of the command has the lock. */
function answerHeld(): i32 {
  if (!openAnswer(8)) return Status.LIMIT
  putNumber(1)
  return Status.OK
}

function answerMachine(): i32 {
  if (!openAnswer(16)) return Status.LIMIT
  putNumber(MachineState.NONE)
  putBytes(0, 0)
  return Status.OK
}

/** All names of a directory in one slice: counted first, then written. */
function list(place: i32, cursor: u64): i32 {
  if (cursor != 0) return answerNothing(Status.INVALID_ARGUMENT)
  directoryPath(place)
  const counted = walk(false)
  if (counted != Errno.SUCCESS) return answerNothing(statusOf(counted))
  const names = walkedNames
  const bytes = walkedBytes
  if (!openAnswer(bytes + 4 * names + 16)) return Status.LIMIT
  putNumber(names)
  const written = walk(true)
  if (written != Errno.SUCCESS) return answerNothing(statusOf(written))
  // Somebody else changed the directory between the two.
  if (walkedNames != names || walkedBytes != bytes) return answerNothing(Status.BUSY)
  putNumber(0)
  return Status.OK
}

let walkedNames: u32 = 0
let walkedBytes: u32 = 0

function walk(writing: bool): i32 {
  const limitNames = writing ? walkedNames : LISTING_LIMIT_NAMES
  const limitBytes = writing ? walkedBytes : <u32>0x3fff_ffff
  walkedNames = 0
  walkedBytes = 0
  let errno = openListing()
  if (errno != Errno.SUCCESS) return errno
  while (true) {
    errno = nextListed()
    if (errno != Errno.SUCCESS || listedName() == 0) break
    walkedNames++
    walkedBytes += listedBytes()
    if (walkedNames > limitNames || walkedBytes > limitBytes) {
      errno = Errno.IO
      break
    }
    if (writing) putBytes(listedName(), listedBytes())
  }
  const closed = closeListing()
  return errno != Errno.SUCCESS ? errno : closed
}

/** Points the path at a record, whose id is the next field. */
function recordPath(place: i32): bool {
  getBytes()
  if (!entryPath(place, fieldStart, fieldBytes)) return false
  appendText('.json')
  return true
}

function readRecord(place: i32): i32 {
  if (!recordPath(place)) return answerNothing(Status.INVALID_ARGUMENT)
  const status = readFile(RECORD_LIMIT_BYTES)
  if (status != Status.OK) return answerNothing(status)
  if (!openAnswer(contentBytes + 4)) return Status.LIMIT
  putBytes(content, contentBytes)
  return Status.OK
}

let content: usize = 0
let contentBytes: u32 = 0
let contentRoom: u32 = 0

/** Forgets the buffer of `readFile`, which stands in the core's memory; to be called when that is reset. */
export function resetContent(): void {
  contentRoom = 0
}

/** Reads the regular file at the path to `content`; LIMIT where it is longer than `limitBytes`. */
function readFile(limitBytes: u32): i32 {
  const errno = statFile()
  if (errno != Errno.SUCCESS) return statusOf(errno)
  if (statSize() > limitBytes) return Status.LIMIT
  return readStart(<u32>statSize())
}

/** Reads the first bytes of the file at the path to `content`. */
function readStart(bytes: u32): i32 {
  if (bytes > contentRoom) {
    // Twice what is asked for, so that ever longer files do not fill the memory with outgrown buffers.
    content = allocate(2 * bytes)
    if (content == 0) return Status.LIMIT
    contentRoom = 2 * bytes
  }
  const errno = readPath(content, bytes)
  contentBytes = transferred()
  return statusOf(errno)
}

/** As the store does it: new file, fsync, compare, rename, fsync of the directory. After the rename the outcome of an error is unknown. */
function commitRecord(place: i32): i32 {
  const id = getBytes()
  const idBytes = fieldBytes
  const source = getBytes()
  const bytes = fieldBytes
  const expects = getInteger() == 1
  const expected = expects ? getBytes() : 0
  const expectedBytes = expects ? <i64>fieldBytes : ABSENT
  if (!entryPath(place, id, idBytes)) return Status.INVALID_ARGUMENT
  appendTemporary()
  const temporaryBytes = keepFrom()
  const failed = writeNew(source, bytes)
  if (failed != Errno.SUCCESS) return abandon(temporaryBytes, statusOf(failed))
  entryPath(place, id, idBytes)
  appendText('.json')
  const changed = compareRecord(expected, expectedBytes)
  if (changed != Status.OK) return abandon(temporaryBytes, changed)
  const renamed = renamePath(temporaryBytes)
  return renamed != Errno.SUCCESS ? statusOf(renamed) : syncPlace(place)
}

/** What `compareRecord` expects where there was no record. */
const ABSENT: i64 = -1

/** Removes a temporary file that came to nothing. Where that fails too the first error says more; collection takes the file later. */
function abandon(temporaryBytes: u32, status: i32): i32 {
  unlinkKept(temporaryBytes)
  return status
}

/** A name of our own that no other run used: the time and a count. */
function appendTemporary(): void {
  appendText('.wasi-')
  if (clockTimeGet(0, 1, now) == Errno.SUCCESS) appendDigits(load<u64>(now))
  appendText('-')
  appendDigits(temporaries++)
  appendText('.tmp')
}

function removeRecord(place: i32): i32 {
  if (!recordPath(place)) return Status.INVALID_ARGUMENT
  const expected = getBytes()
  const changed = compareRecord(expected, fieldBytes)
  if (changed != Status.OK) return changed
  const errno = unlinkPath()
  return errno != Errno.SUCCESS ? statusOf(errno) : syncPlace(place)
}

/** Whether the record at the path is still the one that was read: OK or BUSY, or why it cannot be told. */
function compareRecord(expected: usize, expectedBytes: i64): i32 {
  const status = readFile(RECORD_LIMIT_BYTES)
  if (status == Status.NOT_FOUND) return expectedBytes == ABSENT ? Status.OK : Status.BUSY
  if (status != Status.OK) return status
  return <i64>contentBytes == expectedBytes && memory.compare(content, expected, contentBytes) == 0 ? Status.OK : Status.BUSY
}

/** The size of a layer and its first bytes. */
function readHead(): i32 {
  getBytes()
  if (!entryPath(Place.LAYERS, fieldStart, fieldBytes)) return answerNothing(Status.INVALID_ARGUMENT)
  const wanted = <u32>getInteger()
  const errno = statFile()
  if (errno != Errno.SUCCESS) return answerNothing(statusOf(errno))
  const sizeBytes = statSize()
  const status = readStart(<u32>min<u64>(wanted, sizeBytes))
  if (status != Status.OK) return answerNothing(status)
  if (!openAnswer(contentBytes + 16)) return Status.LIMIT
  putNumber(<f64>sizeBytes)
  putBytes(content, contentBytes)
  return Status.OK
}

function syncPlace(place: i32): i32 {
  return directoriesSync ? statusOf(syncDirectory(place)) : Status.OK
}

/** Removes a name; absent is not an error. A saved state is a directory of plain files. */
function remove(place: i32): i32 {
  getBytes()
  if (!entryPath(place, fieldStart, fieldBytes)) return Status.INVALID_ARGUMENT
  let errno = statPath()
  if (errno == Errno.SUCCESS) errno = place == Place.STATES && statType() == FileType.DIRECTORY ? removeState() : unlinkPath()
  return errno == Errno.NOENT ? Status.OK : statusOf(errno)
}

/** Empties the directory at the path, one first name at a time, and removes it. */
function removeState(): i32 {
  const directoryBytes = pathLength()
  for (let i: u32 = 0; i < LISTING_LIMIT_NAMES; i++) {
    let errno = openListing()
    if (errno != Errno.SUCCESS) return errno
    errno = nextListed()
    const last = listedName() == 0
    const fits = last || descend(listedName(), listedBytes())
    const closed = closeListing()
    if (errno != Errno.SUCCESS) return errno
    if (closed != Errno.SUCCESS) return closed
    if (!fits) return Errno.IO
    if (last) return removeDirectoryPath()
    errno = unlinkPath()
    if (errno != Errno.SUCCESS) return errno
    cutPath(directoryBytes)
  }
  return Errno.IO
}
