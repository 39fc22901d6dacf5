// What the guest's errors mean. The numbers are those of Linux, the same on every architecture that boxes have.

import { BoxLiteError, type ErrorCode, type ErrorFault } from '../error.ts'

interface Meaning {
  readonly name: string
  readonly code: ErrorCode
  readonly text: string
  readonly fault?: ErrorFault
}

const meanings: Readonly<Record<number, Meaning>> = {
  1: { name: 'EPERM', code: 'invalid_argument', text: 'the operation is not permitted' },
  2: { name: 'ENOENT', code: 'not_found', text: 'there is no such file or directory' },
  5: { name: 'EIO', code: 'io', text: 'the device failed' },
  7: { name: 'E2BIG', code: 'invalid_argument', text: 'the arguments and the environment are too long' },
  8: { name: 'ENOEXEC', code: 'invalid_argument', text: 'it is no program that this machine can run' },
  11: { name: 'EAGAIN', code: 'busy', text: 'the guest has no room for one more' },
  12: { name: 'ENOMEM', code: 'limit', text: 'the guest is out of memory', fault: 'host' },
  13: { name: 'EACCES', code: 'invalid_argument', text: 'permission is denied' },
  16: { name: 'EBUSY', code: 'busy', text: 'it is in use' },
  17: { name: 'EEXIST', code: 'already_exists', text: 'it exists already' },
  18: { name: 'EXDEV', code: 'invalid_argument', text: 'it leads out of the directory, or to another file system' },
  20: { name: 'ENOTDIR', code: 'invalid_argument', text: 'a part of the path is not a directory' },
  21: { name: 'EISDIR', code: 'invalid_argument', text: 'it is a directory' },
  22: { name: 'EINVAL', code: 'invalid_argument', text: 'the guest does not take this argument' },
  23: { name: 'ENFILE', code: 'limit', text: 'too many files are open in the guest', fault: 'host' },
  24: { name: 'EMFILE', code: 'limit', text: 'too many files are open in the guest', fault: 'host' },
  26: { name: 'ETXTBSY', code: 'busy', text: 'the program is running' },
  27: { name: 'EFBIG', code: 'limit', text: 'the file is too large for its file system' },
  28: { name: 'ENOSPC', code: 'no_space', text: "the box's disk is full" },
  30: { name: 'EROFS', code: 'invalid_state', text: 'the file system is read-only' },
  31: { name: 'EMLINK', code: 'limit', text: 'the file has too many links' },
  32: { name: 'EPIPE', code: 'invalid_state', text: 'nobody reads it any more' },
  36: { name: 'ENAMETOOLONG', code: 'invalid_argument', text: 'the name is too long' },
  38: { name: 'ENOSYS', code: 'unsupported', text: 'the guest cannot do this' },
  39: { name: 'ENOTEMPTY', code: 'invalid_state', text: 'the directory is not empty' },
  40: { name: 'ELOOP', code: 'invalid_argument', text: 'the path goes through too many links' },
  71: { name: 'EPROTO', code: 'corrupt', text: 'the data is not in the form it should have' },
  74: { name: 'EBADMSG', code: 'corrupt', text: 'the data is not in the form it should have' },
  75: { name: 'EOVERFLOW', code: 'limit', text: 'a value is too large' },
  95: { name: 'EOPNOTSUPP', code: 'unsupported', text: 'the guest cannot do this' },
  122: { name: 'EDQUOT', code: 'no_space', text: 'the quota in the box is used up' },
  125: { name: 'ECANCELED', code: 'aborted', text: 'it was cancelled' },
}

/** Linux's name of an error number: `ENOENT` for 2; `errno 200` for one without a name here. */
export function errnoName(errno: number): string {
  return meanings[errno]?.name ?? `errno ${errno}`
}

/** What an error number says, as a clause. */
export function errnoText(errno: number): string {
  return meanings[errno]?.text ?? `the guest reports errno ${errno}`
}

/** The error that an answer's number stands for; `what` was tried, as a clause: "reading '/etc/x' in the box". */
export function guestError(errno: number, what: string, facts: Readonly<Record<string, unknown>> = {}): BoxLiteError {
  const { code = 'io', fault } = meanings[errno] ?? {}
  return new BoxLiteError(code, `${what}: ${errnoText(errno)}`, {
    facts: { ...facts, errno: errnoName(errno), errnoNumber: errno },
    ...(fault === undefined ? {} : { fault }),
  })
}
