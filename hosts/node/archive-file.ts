// Archives as files: written under a temporary name beside their place, synced, and renamed into it.

import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileCall } from './file-call.ts'

const CHUNK_BYTES = 256 * 1024
const FILE_MODE = 0o600

/**
 * Writes `archive` to the file at `path`, replacing what was there in one step when all of it is durable. Where anything fails,
 * or the archive itself rejects, the file at `path` is as it was and the temporary one is gone.
 */
export async function writeArchiveFile(path: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}.tmp`)
  const file = await fileCall('create', temporary, open(temporary, 'wx', FILE_MODE))
  try {
    try {
      for await (const chunk of archive) await fileCall('write', temporary, file.writeFile(chunk))
      await fileCall('sync', temporary, file.sync())
    } finally {
      await file.close()
    }
    await fileCall('rename', path, rename(temporary, path))
  } catch (error) {
    await fileCall('remove', temporary, unlink(temporary))
    throw error
  }
  await syncDirectory(dirname(path))
}

/** The bytes of the file at `path`, which may be a pipe. */
export async function* readArchiveFile(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await fileCall('open', path, open(path, 'r'))
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES)
      const { bytesRead } = await fileCall('read', path, file.read(chunk, 0, chunk.length, null))
      if (bytesRead === 0) return
      yield chunk.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows makes a rename durable by itself and cannot sync a directory.
  if (process.platform === 'win32') return
  const directory: FileHandle = await fileCall('open', path, open(path, 'r'))
  try {
    await fileCall('sync', path, directory.sync())
  } finally {
    await directory.close()
  }
}
