// The files of the home, through WASI. Positions are never given: every file is read and written from its start, because
// some WASI file systems keep only a cursor. Every function answers an errno; a symbolic link is never followed.

import {
  Errno,
  FileType,
  OpenFlag,
  Right,
  fdClose,
  fdPrestatDirName,
  fdPrestatGet,
  fdRead,
  fdSync,
  fdWrite,
  pathFilestatGet,
  pathOpen,
  pathRemoveDirectory,
  pathRename,
  pathUnlinkFile,
} from './calls'
import { directoryPath, pathLength, pathStart } from './path'

/** Preopened descriptors start at 3; more than this many are not looked at. */
const PREOPEN_LIMIT: i32 = 64
const FIRST_PREOPEN: i32 = 3
const FILESTAT_TYPE: usize = 16
const FILESTAT_SIZE: usize = 32

const vector = memory.data(8)
const result = memory.data(8)
const filestat = memory.data(64)
const from = memory.data(1024)
const preopenName = memory.data(16)

let home: i32 = -1

/** Finds the preopened directory `/home` (some runtimes drop the slash); false when there is none. */
export function findHome(): bool {
  for (let fd = FIRST_PREOPEN; fd < FIRST_PREOPEN + PREOPEN_LIMIT; fd++) {
    if (fdPrestatGet(fd, result) != Errno.SUCCESS) return false
    const bytes = load<u32>(result, 4)
    if (bytes > 16 || fdPrestatDirName(fd, preopenName, bytes) != Errno.SUCCESS) continue
    if (isHome(bytes)) {
      home = fd
      return true
    }
  }
  return false
}

function isHome(bytes: u32): bool {
  let at = preopenName
  let left = bytes
  if (left > 0 && load<u8>(at) == 0x2f) {
    at++
    left--
  }
  // A C string in some runtimes.
  if (left == 5 && load<u8>(at + 4) == 0) left--
  return left == 4 && load<u8>(at) == 0x68 && load<u8>(at, 1) == 0x6f && load<u8>(at, 2) == 0x6d && load<u8>(at, 3) == 0x65
}

/** Opens the path; the descriptor is in `opened()`. */
export function openPath(flags: u32, rights: u64): i32 {
  return pathOpen(home, 0, pathStart(), pathLength(), flags, rights, 0, 0, result)
}

export function opened(): i32 {
  return load<i32>(result)
}

/** Looks at the path; its type and size are in `statType()` and `statSize()`. */
export function statPath(): i32 {
  return pathFilestatGet(home, 0, pathStart(), pathLength(), filestat)
}

export function statType(): u8 {
  return load<u8>(filestat, FILESTAT_TYPE)
}

export function statSize(): u64 {
  return load<u64>(filestat, FILESTAT_SIZE)
}

/** Looks at the path, which has to be a regular file. */
export function statFile(): i32 {
  const errno = statPath()
  return errno == Errno.SUCCESS && statType() != FileType.REGULAR ? Errno.IO : errno
}

/** Reads the file's first `bytes` bytes to `target`; how many there were is in `transferred()`. */
export function readPath(target: usize, bytes: u32): i32 {
  const errno = openPath(0, Right.READ)
  if (errno != Errno.SUCCESS) return errno
  const fd = opened()
  const failed = transfer(fd, target, bytes, false)
  const closed = fdClose(fd)
  return failed != Errno.SUCCESS ? failed : closed
}

/** Makes a new file of these bytes and syncs it. A failed sync is not tried again. */
export function writeNew(source: usize, bytes: u32): i32 {
  const errno = openPath(OpenFlag.CREATE | OpenFlag.EXCLUSIVE, Right.WRITE | Right.SYNC)
  if (errno != Errno.SUCCESS) return errno
  const fd = opened()
  let failed = transfer(fd, source, bytes, true)
  if (failed == Errno.SUCCESS) failed = fdSync(fd)
  const closed = fdClose(fd)
  return failed != Errno.SUCCESS ? failed : closed
}

let moved: u32 = 0

/** How many bytes the last transfer moved. */
export function transferred(): u32 {
  return moved
}

/** Reads or writes until all bytes are moved, or a read finds the end. */
function transfer(fd: i32, at: usize, bytes: u32, writing: bool): i32 {
  moved = 0
  while (moved < bytes) {
    store<u32>(vector, <u32>at + moved)
    store<u32>(vector, bytes - moved, 4)
    const errno = writing ? fdWrite(fd, vector, 1, result) : fdRead(fd, vector, 1, result)
    if (errno != Errno.SUCCESS) return errno
    const step = load<u32>(result)
    if (step == 0) return writing ? Errno.IO : Errno.SUCCESS
    moved += step
  }
  return Errno.SUCCESS
}

/** Writes bytes to standard output. */
export function writeOutput(source: usize, bytes: u32): i32 {
  return transfer(1, source, bytes, true)
}

/** Keeps the path as the first of the two that `renamePath` needs. */
export function keepFrom(): u32 {
  memory.copy(from, pathStart(), pathLength())
  return pathLength()
}

/** Renames the kept path over the path. */
export function renamePath(fromBytes: u32): i32 {
  return pathRename(home, from, fromBytes, home, pathStart(), pathLength())
}

/** Removes the kept path's name. */
export function unlinkKept(fromBytes: u32): i32 {
  return pathUnlinkFile(home, from, fromBytes)
}

export function unlinkPath(): i32 {
  return pathUnlinkFile(home, pathStart(), pathLength())
}

export function removeDirectoryPath(): i32 {
  return pathRemoveDirectory(home, pathStart(), pathLength())
}

/** Makes the names of a directory of the home durable. */
export function syncDirectory(place: i32): i32 {
  directoryPath(place)
  const errno = openPath(OpenFlag.DIRECTORY, Right.SYNC | Right.READDIR)
  if (errno != Errno.SUCCESS) return errno
  const fd = opened()
  const failed = fdSync(fd)
  const closed = fdClose(fd)
  return failed != Errno.SUCCESS ? failed : closed
}

/** Whether an errno says that directories cannot be synced here, rather than that a sync failed. */
export function isUnsupportedSync(errno: i32): bool {
  return errno == Errno.ISDIR || errno == Errno.INVAL || errno == Errno.BADF || errno == Errno.NOTSUP || errno == Errno.NOSYS
}
