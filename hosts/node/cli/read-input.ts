import { readArchiveFile } from '../archive-file.ts'
import type { Terminal } from './terminal.ts'

/** The bytes of a file, or of standard input for '-', until the command is told to stop. */
export async function* readInput(terminal: Terminal, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const bytes of path === '-' ? terminal.readBytes() : readArchiveFile(path)) {
    terminal.signal.throwIfAborted()
    yield bytes
  }
}
