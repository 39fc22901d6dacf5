// Where a running machine has its sockets and its console's log: `run/<boxId>/` in the home. Nothing in it is needed to
// recover a box.

import { chmod, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { isAbsolute, join } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'
import type { MachineFiles } from '../../../src/box-host.ts'
import type { Store } from '../../../src/host.ts'
import { fileError } from '../../../src/store/file-error.ts'
import { fileCall } from '../file-call.ts'
import { sockets } from './arguments.ts'
import { removeDiskView } from './disk-view.ts'

export interface Places {
  readonly layers: string
  readonly run: string
  readonly runFromLayers: string
}

// sockaddr_un holds 108 bytes on Linux, 104 elsewhere, with a zero at the end.
const SOCKET_PATH_LIMIT_BYTES = 103

/** Where a box's machine lives. `unsupported` for a store that is not a home in a file system. */
export async function placesOf(store: Store, boxId: string): Promise<Places> {
  if (!isBoxId(boxId)) throw new BoxLiteError('invalid_argument', `${JSON.stringify(boxId)} is not the id of a box`)
  const layers = join(store.location, 'layers')
  if (isAbsolute(store.location) && (await isDirectory(layers))) {
    return { layers, run: join(store.location, 'run', boxId), runFromLayers: `../run/${boxId}` }
  }
  throw new BoxLiteError('unsupported', 'QEMU opens the files of a home itself, and this store has none', {
    remedy: "Use the engine 'v86' with it.",
    facts: { location: store.location },
  })
}

/** Makes the directory anew: what an earlier machine left there is gone. */
export async function makeRunDirectory(path: string): Promise<void> {
  const all = join(path, '..')
  try {
    await fileCall('make', all, mkdir(all, { mode: 0o700 }))
  } catch (error) {
    if (!isBoxLiteError(error, 'already_exists')) throw error
    // Whoever can reach a socket of a machine can do with it what its owner can.
    await fileCall('change', all, chmod(all, 0o700))
  }
  await remove(path)
  await fileCall('make', path, mkdir(path, { mode: 0o700 }))
}

/** The run directories of a home. */
export const runDirectories: MachineFiles = {
  async list({ location }) {
    const all = join(location, 'run')
    if (!isAbsolute(location) || !(await isDirectory(all))) return []
    return (await fileCall('list', all, readdir(all))).filter((name) => isBoxId(name))
  },
  async tidy({ location }, boxId) {
    if (isAbsolute(location) && isBoxId(boxId)) await removeMachine(join(location, 'run', boxId))
  },
  async remove({ location }, boxId) {
    if (isAbsolute(location) && isBoxId(boxId)) await remove(join(location, 'run', boxId))
  },
}

/** Removes what a machine that has ended needed: its sockets, and what it saw of layers. What its console said stays. */
export async function removeMachine(path: string): Promise<void> {
  await removeDiskView(path)
  for (const name of [sockets.qmp, sockets.console, ...sockets.agents]) {
    try {
      await fileCall('remove', join(path, name), unlink(join(path, name)))
    } catch (error) {
      if (!isBoxLiteError(error, 'not_found')) throw error
    }
  }
}

/** Connects to a socket of a run directory, however long its path is; null while nobody listens there, or too many want to be heard. */
export async function connectTo(directory: string, name: string): Promise<Socket | null> {
  const path = join(directory, name)
  if (Buffer.byteLength(path) <= SOCKET_PATH_LIMIT_BYTES) return connect(path, path)
  if (process.platform !== 'linux') {
    throw new BoxLiteError('limit', `The path of a socket ends at ${SOCKET_PATH_LIMIT_BYTES} bytes: ${path}`, {
      remedy: 'Use a home with a shorter path.',
      facts: { path, limitBytes: SOCKET_PATH_LIMIT_BYTES },
    })
  }
  const handle = await fileCall('open', directory, open(directory, 'r'))
  try {
    return await connect(`/proc/self/fd/${handle.fd}/${name}`, path)
  } finally {
    await handle.close()
  }
}

// ENOENT: not made yet. ECONNREFUSED: nobody listens yet, or no longer. EAGAIN: QEMU speaks to one, and the queue behind it is full.
const nobody: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN'])

function connect(address: string, path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path: address })
    const failed = (error: NodeJS.ErrnoException): void => {
      if (nobody.has(error.code)) resolve(null)
      else reject(fileError(error.code ?? 'EIO', 'call', path, error))
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await fileCall('look at', path, stat(path))).isDirectory()
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return false
    throw error
  }
}

// A console's last words may be written down while it goes.
function remove(path: string): Promise<void> {
  return fileCall('remove', path, rm(path, { recursive: true, force: true, maxRetries: 3 }))
}

function isBoxId(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name)
}
