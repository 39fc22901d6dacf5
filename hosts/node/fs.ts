// The store's file system on `node:fs`, or on anything that has its promises.

import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import type { LayerFile } from '../../src/host.ts'
import type { EntryKind, FileSystem, OpenMode } from '../../src/store/file-system.ts'
import { asFileError, fileCall } from './file-call.ts'

interface Stats {
  readonly size: number
  readonly nlink: number
  isFile(): boolean
  isDirectory(): boolean
}

/** What is used of a `FileHandle` of `node:fs/promises`. */
interface Handle {
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  write(source: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
  truncate(length: number): Promise<void>
  stat(): Promise<Stats>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is used of `node:fs`. */
export interface NodeFs {
  readonly constants: Readonly<Record<'O_RDONLY' | 'O_RDWR' | 'O_CREAT' | 'O_EXCL', number>> & {
    readonly O_NOFOLLOW?: number
    readonly O_NONBLOCK?: number
    readonly O_DIRECTORY?: number
  }
  openSync(path: string, flags: number): number
  readSync(descriptor: number, target: Uint8Array, offset: number, length: number, position: number): number
  fstatSync(descriptor: number): Stats
  closeSync(descriptor: number): void
  readonly promises: {
    open(path: string, flags: number, mode?: number): Promise<Handle>
    lstat(path: string): Promise<Stats>
    readdir(path: string): Promise<string[]>
    mkdir(path: string, options: { mode: number }): Promise<unknown>
    rename(from: string, to: string): Promise<void>
    unlink(path: string): Promise<void>
    rmdir(path: string): Promise<void>
  }
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** The file system under `root`, an existing directory. Windows cannot sync a directory, and says so. */
export function createNodeFileSystem(root: string, fs: NodeFs = nodeFs): FileSystem {
  const { promises, constants } = fs
  const guard = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const flags: Readonly<Record<OpenMode, number>> = {
    read: constants.O_RDONLY | guard,
    write: constants.O_RDWR | guard,
    create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | guard,
  }
  const directorySync = process.platform !== 'win32'
  const directories = new Map<string, Promise<Handle>>()
  const full = (path: string): string => (path === '' ? root : join(root, path))

  async function openFile(path: string, mode: OpenMode): Promise<Handle> {
    const handle = await fileCall('open', full(path), promises.open(full(path), flags[mode], FILE_MODE))
    // A file that was just made is what it is; anything else could have been put there.
    if (mode === 'create') return handle
    try {
      checkOwn(full(path), await fileCall('look at', full(path), handle.stat()), mode)
      return handle
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  // Records and headers are a few KiB, and in memory nearly always: four calls at once take some 10 µs, where each trip
  // through the thread pool takes three times that. Bulk bytes never go this way.
  function readNow<T>(path: string, read: (descriptor: number, stats: Stats) => T): T {
    try {
      const descriptor = fs.openSync(path, flags.read)
      try {
        const stats = fs.fstatSync(descriptor)
        checkOwn(path, stats, 'read')
        return read(descriptor, stats)
      } finally {
        fs.closeSync(descriptor)
      }
    } catch (error) {
      throw asFileError(error, 'read', path)
    }
  }

  // Kept open: a directory is synced after every change in it.
  function openDirectory(path: string): Promise<Handle> {
    let handle = directories.get(path)
    if (handle === undefined) {
      handle = fileCall('open', full(path), promises.open(full(path), constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | guard))
      handle.catch(() => directories.delete(path))
      directories.set(path, handle)
    }
    return handle
  }

  return {
    location: root,
    atomicReplace: true,
    directorySync,

    async open(path, mode) {
      return new NodeFile(full(path), await openFile(path, mode), mode !== 'read')
    },

    async readFile(path, limitBytes) {
      try {
        return readNow(full(path), (descriptor, { size }) => {
          if (size > limitBytes) throw tooLong(full(path), size, limitBytes)
          return readStart(fs, descriptor, size)
        })
      } catch (error) {
        if (isBoxLiteError(error, 'not_found')) return null
        throw error
      }
    },

    async readHead(path, lengthBytes) {
      return readNow(full(path), (descriptor, { size }) => ({
        bytes: readStart(fs, descriptor, Math.min(lengthBytes, size)),
        fileBytes: size,
      }))
    },

    async kind(path) {
      try {
        const stats = await fileCall('look at', full(path), promises.lstat(full(path)))
        return kindOf(stats)
      } catch (error) {
        if (isBoxLiteError(error, 'not_found')) return null
        throw error
      }
    },

    list: (path) => fileCall('list', full(path), promises.readdir(full(path))),
    async makeDirectory(path) {
      await fileCall('make', full(path), promises.mkdir(full(path), { mode: DIRECTORY_MODE }))
    },
    rename: (from, to) => fileCall('rename', full(from), promises.rename(full(from), full(to))),
    unlink: (path) => fileCall('remove', full(path), promises.unlink(full(path))),
    removeDirectory: (path) => fileCall('remove', full(path), promises.rmdir(full(path))),

    async syncDirectory(path) {
      if (!directorySync) return
      const handle = await openDirectory(path)
      try {
        await fileCall('sync', full(path), handle.sync())
      } catch (error) {
        // A failed sync may have been forgotten by the kernel's descriptor; the next one starts afresh.
        directories.delete(path)
        await handle.close()
        throw error
      }
    },

    async close() {
      const opened = [...directories.values()]
      directories.clear()
      for (const handle of opened) await (await handle).close()
    },
  }
}

class NodeFile implements LayerFile {
  readonly #path: string
  readonly #handle: Handle
  readonly #writable: boolean

  constructor(path: string, handle: Handle, writable: boolean) {
    this.#path = path
    this.#handle = handle
    this.#writable = writable
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    let done = 0
    while (done < target.length) {
      const { bytesRead } = await fileCall('read', this.#path, this.#handle.read(target, done, target.length - done, offset + done))
      if (bytesRead === 0) break
      done += bytesRead
    }
    return done
  }

  async write(source: Uint8Array, offset: number): Promise<void> {
    this.#checkWritable()
    let done = 0
    while (done < source.length) {
      const { bytesWritten } = await fileCall('write', this.#path, this.#handle.write(source, done, source.length - done, offset + done))
      done += bytesWritten
    }
  }

  async truncate(length: number): Promise<void> {
    this.#checkWritable()
    await fileCall('truncate', this.#path, this.#handle.truncate(length))
  }

  async size(): Promise<number> {
    return (await fileCall('look at', this.#path, this.#handle.stat())).size
  }

  sync(): Promise<void> {
    return fileCall('sync', this.#path, this.#handle.sync())
  }

  close(): Promise<void> {
    return fileCall('close', this.#path, this.#handle.close())
  }

  #checkWritable(): void {
    if (!this.#writable) throw new BoxLiteError('invalid_state', `${this.#path} is open for reading only`)
  }
}

function readStart(fs: NodeFs, descriptor: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  return bytes.subarray(0, lengthBytes === 0 ? 0 : fs.readSync(descriptor, bytes, 0, lengthBytes, 0))
}

/** Refuses what is not a file of ours alone: a pipe, a device, a directory, or a file that has another name as well. */
function checkOwn(path: string, stats: Stats, mode: OpenMode): void {
  if (!stats.isFile()) throw new BoxLiteError('io', `Cannot open ${path}: it is not a regular file`, { facts: { path } })
  if (mode !== 'read' && stats.nlink > 1) {
    throw new BoxLiteError('io', `Cannot open ${path} for writing: the same file has other names`, {
      remedy: 'Give this name a file of its own: copy the file, then rename the copy over it.',
      facts: { path, names: stats.nlink },
    })
  }
}

function kindOf(stats: Stats): EntryKind {
  if (stats.isFile()) return 'file'
  return stats.isDirectory() ? 'directory' : 'other'
}

function tooLong(path: string, lengthBytes: number, limitBytes: number): BoxLiteError {
  return new BoxLiteError('limit', `Cannot read ${path}: it has ${lengthBytes} bytes, more than ${limitBytes}`, {
    facts: { path, lengthBytes, limitBytes },
  })
}
