// The names in a directory, one by one, through a small buffer.

import { Errno, OpenFlag, Right, fdClose, fdReaddir } from './calls'
import { openPath, opened } from './files'

const BUFFER_BYTES: u32 = 4096
/** Of a directory entry: cookie of the next u64, inode u64, name length u32, type u8, padding. */
const ENTRY_BYTES: u32 = 24
const ENTRY_NAME_LENGTH: usize = 16

const buffer = memory.data(<i32>BUFFER_BYTES)
const used = memory.data(4)

let fd: i32 = -1
let cookie: u64 = 0
let at: u32 = 0
let end: u32 = 0
let name: usize = 0
let nameBytes: u32 = 0

/** Starts listing the directory at the path. `closeListing` ends it. */
export function openListing(): i32 {
  const errno = openPath(OpenFlag.DIRECTORY, Right.READDIR)
  if (errno != Errno.SUCCESS) return errno
  fd = opened()
  cookie = 0
  at = 0
  end = 0
  return Errno.SUCCESS
}

/** Goes to the next name; where there is none, `listedName` is 0. '.' and '..' are left out. */
export function nextListed(): i32 {
  while (true) {
    name = 0
    if (!holdsEntry()) {
      const errno = fdReaddir(fd, buffer, BUFFER_BYTES, cookie, used)
      if (errno != Errno.SUCCESS) return errno
      at = 0
      end = load<u32>(used)
      // A buffer that is full without one whole entry would be asked for again for ever.
      if (end == 0) return Errno.SUCCESS
      if (!holdsEntry()) return Errno.IO
    }
    cookie = load<u64>(buffer + at)
    name = buffer + at + ENTRY_BYTES
    nameBytes = load<u32>(buffer + at, ENTRY_NAME_LENGTH)
    at += ENTRY_BYTES + nameBytes
    if (!isDots()) return Errno.SUCCESS
  }
}

/** The name that was listed last; valid until the next one. */
export function listedName(): usize {
  return name
}

export function listedBytes(): u32 {
  return nameBytes
}

export function closeListing(): i32 {
  return fdClose(fd)
}

function holdsEntry(): bool {
  if (end - at < ENTRY_BYTES) return false
  return load<u32>(buffer + at, ENTRY_NAME_LENGTH) <= end - at - ENTRY_BYTES
}

function isDots(): bool {
  return load<u8>(name) == 0x2e && (nameBytes == 1 || (nameBytes == 2 && load<u8>(name + 1) == 0x2e))
}
