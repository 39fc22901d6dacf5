// Temporary files for streams that have to be read or written out of order.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LayerFile } from '../../../src/host.ts'
import { createNodeFileSystem } from '../fs.ts'
import { fileCall } from '../file-call.ts'
import type { Terminal } from './terminal.ts'

const NAME = 'disk'

/** Runs `use` with an empty temporary file (in TMPDIR) and removes it; `use` also gets its path. */
export async function withSpoolFile<T>(use: (file: LayerFile, path: string) => Promise<T>): Promise<T> {
  const directory = await fileCall('make', tmpdir(), mkdtemp(join(tmpdir(), 'boxlite-')))
  try {
    const file = await createNodeFileSystem(directory).open(NAME, 'create')
    try {
      return await use(file, join(directory, NAME))
    } finally {
      await file.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs `use` with the path of what the command line names: `-` is standard input, in a temporary file. */
export async function withInputFile<T>(terminal: Terminal, named: string, use: (path: string) => Promise<T>): Promise<T> {
  return named === '-' ? await withSpooledInput(terminal, use) : await use(named)
}

async function withSpooledInput<T>(terminal: Terminal, use: (path: string) => Promise<T>): Promise<T> {
  return await withSpoolFile(async (file, path) => {
    const progress = terminal.progress('Reading standard input')
    let offset = 0
    try {
      for await (const bytes of terminal.readBytes()) {
        await file.write(bytes, offset)
        offset += bytes.length
        progress.update(offset, null)
      }
    } finally {
      progress.end()
    }
    return await use(path)
  })
}
