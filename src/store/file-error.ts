// Turns an errno into the package's error, the same for every file system under the store.

import { BoxLiteError, type ErrorCode } from '../error.ts'

const codes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'not_found',
  EEXIST: 'already_exists',
  ENOSPC: 'no_space',
  EDQUOT: 'no_space',
  EFBIG: 'limit',
}

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on this file system, then try again.',
  EDQUOT: 'Free some space of your quota, then try again.',
  EACCES: 'Give yourself the access that this needs, then try again.',
  EPERM: 'Give yourself the access that this needs, then try again.',
  EROFS: 'Mount this file system for writing, then try again.',
  EMFILE: 'Raise the limit of open files (ulimit -n), then try again.',
  ENFILE: 'Raise the limit of open files of this machine, then try again.',
  EIO: 'Look for device errors in the system log; copy what is there to a sound disk.',
  EFBIG: 'Use something smaller, or another file system.',
  ELOOP: 'Replace the symbolic link by the file that it points at, if you trust it.',
}

/** `errno` ("ENOSPC") as an error: `action` is a verb ("write"), `path` is what it was done to. */
export function fileError(errno: string, action: string, path: string, cause?: unknown): BoxLiteError {
  const code = codes[errno] ?? 'io'
  return new BoxLiteError(code, `Cannot ${action} ${path}: ${describe(errno)}`, {
    remedy: remedies[errno] ?? 'Look at the path, then try again.',
    facts: { errno, action, path },
    cause,
  })
}

const words: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  EEXIST: 'it exists already',
  ENOSPC: 'the file system is full',
  EDQUOT: 'the quota is used up',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  EIO: 'the device failed',
  ELOOP: 'it is a symbolic link',
  ENOTDIR: 'what stands above it is not a directory',
  EISDIR: 'it is a directory',
  EFBIG: 'the file system holds no file of that size',
  ENAMETOOLONG: 'the name is too long',
}

function describe(errno: string): string {
  const word = words[errno]
  return word === undefined ? errno : `${word} (${errno})`
}
