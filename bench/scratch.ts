// A folder that is gone afterwards, and other programs run in it.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createNodeFileSystem } from '../hosts/node/fs.ts'
import type { FileSystem } from '../src/store/file-system.ts'
import { time } from './harness.ts'

const execute = promisify(execFile)

/** A scratch folder on the disk that `BOXLITE_BENCH_DIR` names, by default the system's temporary folder. */
export interface Scratch {
  readonly folder: string
  /** The folder through the same calls that the store makes. */
  readonly files: FileSystem
  path(name: string): string
  /** Writes out what the file system still has in memory. */
  settle(): Promise<unknown>
  /** Runs a program to its end; rejects when it fails. */
  run(command: string, ...args: string[]): Promise<string>
}

/** Gives `work` a folder of its own and removes it, however the work ends. */
export async function inScratch<T>(work: (scratch: Scratch) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(process.env['BOXLITE_BENCH_DIR'] ?? tmpdir(), 'boxlite-bench-'))
  const files = createNodeFileSystem(folder)
  try {
    const run: Scratch['run'] = async (command, ...args) => (await execute(command, args, { cwd: folder, maxBuffer: 1 << 26 })).stdout
    return await work({
      folder,
      files,
      path: (name) => join(folder, name),
      settle: () => run('sync', '-f', folder),
      run,
    })
  } finally {
    await files.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/** How long `qemu-img` takes to do next to nothing: its start, in milliseconds. The image has to exist. */
export function qemuStart(scratch: Scratch, image: string): Promise<number> {
  return time(() => scratch.run('qemu-img', 'check', '-q', image))
}
