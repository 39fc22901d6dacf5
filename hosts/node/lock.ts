// The locks of a home on this kind of machine. They are named by the home's identity, not by its path: a home that is
// reached by two paths has one set of locks. A home belongs to one kernel: processes in different network namespaces
// (containers) and machines that share a file system do not see each other's locks.

import { stat } from 'node:fs/promises'
import type { LockService } from '../../src/store/lock-service.ts'
import { type Latches, LatchLocks } from '../../src/store/latch-locks.ts'
import { createDirectoryLatches } from './directory-latches.ts'
import { createNamedLatches } from './named-latches.ts'

/** The locks of the home in the existing directory `root`. */
export async function createNodeLocks(root: string): Promise<LockService> {
  const { dev, ino } = await stat(root, { bigint: true })
  return new LatchLocks(createLatches(`${dev}:${ino}`), process.pid)
}

/** The latches of whatever `home` names, on this kind of machine. */
export function createLatches(home: string): Latches {
  return hasKernelNames() ? createNamedLatches(home) : createDirectoryLatches(home, `/tmp/boxlite-${process.getuid?.()}`)
}

function hasKernelNames(): boolean {
  return process.platform === 'linux' || process.platform === 'android' || process.platform === 'win32'
}
