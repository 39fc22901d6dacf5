// The store's file system on `node:fs`, or on anything that has its calls.

import * as nodeFs from 'node:fs'
import { join } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import type { FileHead, LayerFile } from '../../src/host.ts'
import type { EntryKind, FileSystem, OpenMode } from '../../src/store/file-system.ts'
import { asFileError, fileCall } from './file-call.ts'
import { NodeFile } from './node-file.ts'
import type { Handle, NodeFs, Stats } from './node-fs.ts'

export type { NodeFs } from './node-fs.ts'

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700

/** The file system under `root`, an existing directory. Windows cannot sync a directory, and says so. */
export function createNodeFileSystem(root: string, fs: NodeFs = nodeFs): FileSystem {
  return new NodeFileSystem(root, fs)
}

class NodeFileSystem implements FileSystem {
  readonly location: string
  readonly atomicReplace = true
  readonly directorySync = process.platform !== 'win32'
  readonly #fs: NodeFs
  readonly #flags: Readonly<Record<OpenMode | 'directory', number>>
  // Kept open: a directory is synced after every change in it.
  readonly #directories = new Map<string, Promise<Handle>>()

  constructor(root: string, fs: NodeFs) {
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY = 0, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants
    const guard = O_NOFOLLOW | O_NONBLOCK
    this.location = root
    this.#fs = fs
    this.#flags = {
      read: O_RDONLY | guard,
      write: O_RDWR | guard,
      create: O_RDWR | O_CREAT | O_EXCL | guard,
      directory: O_RDONLY | O_DIRECTORY | guard,
    }
  }

  async open(path: string, mode: OpenMode): Promise<LayerFile> {
    const full = this.#full(path)
    const handle = await fileCall('open', full, this.#fs.promises.open(full, this.#flags[mode], FILE_MODE))
    // A file that was just made is what it is; anything else could have been put there.
    if (mode === 'create') return new NodeFile(full, handle, true)
    try {
      checkOwn(full, await fileCall('look at', full, handle.stat()), mode)
      return new NodeFile(full, handle, mode === 'write')
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async readFile(path: string, limitBytes: number): Promise<Uint8Array | null> {
    try {
      return this.#readNow(path, (descriptor, { size }) => {
        if (size > limitBytes) throw tooLong(this.#full(path), size, limitBytes)
        return this.#readStart(descriptor, size)
      })
    } catch (error) {
      if (isBoxLiteError(error, 'not_found')) return null
      throw error
    }
  }

  async readHead(path: string, lengthBytes: number): Promise<FileHead> {
    return this.#readNow(path, (descriptor, { size }) => ({
      bytes: this.#readStart(descriptor, Math.min(lengthBytes, size)),
      fileBytes: size,
    }))
  }

  async kind(path: string): Promise<EntryKind | null> {
    const full = this.#full(path)
    try {
      return kindOf(await fileCall('look at', full, this.#fs.promises.lstat(full)))
    } catch (error) {
      if (isBoxLiteError(error, 'not_found')) return null
      throw error
    }
  }

  list(path: string): Promise<string[]> {
    const full = this.#full(path)
    return fileCall('list', full, this.#fs.promises.readdir(full))
  }

  async makeDirectory(path: string): Promise<void> {
    const full = this.#full(path)
    await fileCall('make', full, this.#fs.promises.mkdir(full, { mode: DIRECTORY_MODE }))
  }

  rename(from: string, to: string): Promise<void> {
    return fileCall('rename', this.#full(from), this.#fs.promises.rename(this.#full(from), this.#full(to)))
  }

  unlink(path: string): Promise<void> {
    const full = this.#full(path)
    return fileCall('remove', full, this.#fs.promises.unlink(full))
  }

  removeDirectory(path: string): Promise<void> {
    const full = this.#full(path)
    return fileCall('remove', full, this.#fs.promises.rmdir(full))
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.directorySync) return
    const handle = await this.#openDirectory(path)
    try {
      await fileCall('sync', this.#full(path), handle.sync())
    } catch (error) {
      // Given up, as a file would be whose sync failed.
      this.#directories.delete(path)
      await handle.close()
      throw error
    }
  }

  async close(): Promise<void> {
    const opened = [...this.#directories.values()]
    this.#directories.clear()
    for (const handle of opened) await (await handle).close()
  }

  #full(path: string): string {
    return path === '' ? this.location : join(this.location, path)
  }

  #openDirectory(path: string): Promise<Handle> {
    const known = this.#directories.get(path)
    if (known !== undefined) return known
    const full = this.#full(path)
    const opening = fileCall('open', full, this.#fs.promises.open(full, this.#flags.directory))
    opening.catch(() => this.#directories.delete(path))
    this.#directories.set(path, opening)
    return opening
  }

  // Records and headers are a few KiB, and in memory nearly always: four calls at once take some 10 µs, where each trip
  // through the thread pool takes three times that. Bulk bytes never go this way.
  #readNow<T>(path: string, read: (descriptor: number, stats: Stats) => T): T {
    const full = this.#full(path)
    try {
      const descriptor = this.#fs.openSync(full, this.#flags.read)
      try {
        const stats = this.#fs.fstatSync(descriptor)
        checkOwn(full, stats, 'read')
        return read(descriptor, stats)
      } finally {
        this.#fs.closeSync(descriptor)
      }
    } catch (error) {
      throw asFileError(error, 'read', full)
    }
  }

  #readStart(descriptor: number, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    return bytes.subarray(0, lengthBytes === 0 ? 0 : this.#fs.readSync(descriptor, bytes, 0, lengthBytes, 0))
  }
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
