// A home of the prior implementation on this machine.
//
// That a machine of a box lives shows in two ways: its process id stands in `boxes/<id>/shim.pid`, and, on Linux, it has the
// box's disk open. The second is seen for processes of the same user only. Neither shows a machine on another host that shares
// the directory.

import * as nodeFs from 'node:fs'
import { readdir, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { OldHome } from '../../src/legacy/adopt.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { fileCall } from './file-call.ts'
import { createNodeFileSystem } from './fs.ts'
import { processExists } from './process-exists.ts'

const PID_FILE_LIMIT_BYTES = 4096

/** The old home at `homeDir`, usually `~/.boxlite`. Close its `files` after use. */
export async function openOldHome(homeDir: string): Promise<OldHome> {
  const root = await fileCall('open', homeDir, realpath(homeDir))
  const files = oldFiles(root)
  return {
    files,
    async evidenceOfMachine(boxId) {
      return (await livingProcess(files, boxId)) ?? processWithDisk(join(root, 'boxes', boxId, 'disks/disk.qcow2'))
    },
  }
}

/** The files of an old home, whose real path is `root`. */
export function oldFiles(root: string, fs = nodeFs): OldFiles {
  const { link, lstat } = fs.promises
  const files = createNodeFileSystem(root, fs)
  const full = (path: string): string => join(root, path)
  return Object.assign(files, {
    async modifiedMs(path: string): Promise<number> {
      return (await fileCall('look at', full(path), lstat(full(path)))).mtimeMs
    },
    async identity(path: string): Promise<string> {
      const { dev, ino } = await fileCall('look at', full(path), lstat(full(path), { bigint: true }))
      return `${dev}:${ino}`
    },
    async link(from: string, to: string): Promise<void> {
      try {
        await link(full(from), full(to))
      } catch (error) {
        // What file systems say that know no second names, FAT above all.
        if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) {
          await fileCall('link', full(from), Promise.reject(error as Error))
        }
        await files.rename(from, to)
      }
    },
  })
}

async function livingProcess(files: OldFiles, boxId: string): Promise<string | null> {
  const path = `boxes/${boxId}/shim.pid`
  let bytes
  try {
    bytes = await files.readFile(path, PID_FILE_LIMIT_BYTES)
  } catch (error) {
    if (isBoxLiteError(error)) return `${path} cannot be read`
    throw error
  }
  if (bytes === null) return null
  const [line = ''] = new TextDecoder().decode(bytes).split('\n')
  if (!/^[1-9][0-9]{0,9}$/.test(line.trim())) return `${path} does not say a process id`
  return processExists(Number(line)) ? `process ${line.trim()}, which ${path} names, is alive` : null
}

/** On Linux, a process of this user that has the file open. */
async function processWithDisk(disk: string): Promise<string | null> {
  if (process.platform !== 'linux') return null
  for (const pid of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue
    for (const descriptor of await orNothing(readdir(`/proc/${pid}/fd`), [])) {
      if ((await orNothing(readlink(`/proc/${pid}/fd/${descriptor}`), null)) === disk) return `process ${pid} has ${disk} open`
    }
  }
  return null
}

/** What a look at another process gave; `nothing` where it is gone by now, or not ours to look at. */
async function orNothing<T>(look: Promise<T>, nothing: T): Promise<T> {
  try {
    return await look
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return nothing
    throw error
  }
}
