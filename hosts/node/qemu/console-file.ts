// The console's log as a file of the run directory, for whoever comes when the machine has ended or its owner has changed. A
// guest can write to its console for ever; the file cannot grow for ever.

import { constants } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { isBoxLiteError } from '../../../src/error.ts'
import { fileCall } from '../file-call.ts'

/** At this length the file becomes `console.log.1`, and a new one begins. */
const LIMIT_BYTES = 1024 * 1024
/** What is not written yet, at most; the rest is left out. */
const WAITING_LIMIT_BYTES = 1024 * 1024

export const CONSOLE_FILE = 'console.log'
const OLDER_FILE = `${CONSOLE_FILE}.1`
/** Everything that a machine's console leaves in its directory. */
export const CONSOLE_FILES = [CONSOLE_FILE, OLDER_FILE] as const

// QEMU can write in the directory. One that a guest broke into must not lead its owner out of it, nor keep it waiting at a pipe.
const { O_APPEND, O_CREAT, O_RDONLY, O_WRONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
const GUARD = O_NOFOLLOW | O_NONBLOCK

/** How far a file was read, and which file that was. */
export interface ConsoleMark {
  readonly file: number
  readonly offset: number
}

/** The last of what earlier owners of a machine heard from its console; nothing where nobody heard anything. */
export async function earlierConsole(directory: string): Promise<Uint8Array> {
  return (await readConsoleFile(directory, null)).bytes
}

/** What was written down since `mark`, or what is kept. Of a file that has become the older one meanwhile the rest is passed over. */
export async function readConsoleFile(
  directory: string,
  mark: ConsoleMark | null,
): Promise<{ readonly bytes: Uint8Array; readonly mark: ConsoleMark | null }> {
  const path = join(directory, CONSOLE_FILE)
  try {
    return await fileCall('read', path, readSince(path, mark))
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return { bytes: new Uint8Array(), mark }
    throw error
  }
}

async function readSince(path: string, mark: ConsoleMark | null): Promise<{ bytes: Uint8Array; mark: ConsoleMark }> {
  const handle = await open(path, O_RDONLY | GUARD)
  try {
    const { size, ino: file } = await handle.stat()
    const from = Math.max(mark?.file === file ? mark.offset : 0, size - LIMIT_BYTES)
    const bytes = new Uint8Array(Math.max(0, size - from))
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, from)
    return { bytes: bytes.subarray(0, bytesRead), mark: { file, offset: from + bytesRead } }
  } finally {
    await handle.close()
  }
}

export class ConsoleFile {
  readonly #path: string
  readonly #older: string
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #writing: Promise<void> | null = null

  constructor(directory: string) {
    this.#path = join(directory, CONSOLE_FILE)
    this.#older = join(directory, OLDER_FILE)
  }

  append(bytes: Uint8Array): void {
    if (this.#waitingBytes > WAITING_LIMIT_BYTES) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.#writing ??= this.#writeAll()
  }

  /** Resolves when everything is written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) await this.#write()
    } catch {
      // The log is a courtesy: a disk that is full must not end the machine.
      this.#waiting = []
      this.#waitingBytes = 0
    }
    this.#writing = null
  }

  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    const handle = await open(this.#path, O_WRONLY | O_APPEND | O_CREAT | GUARD, 0o600)
    let size
    try {
      await handle.appendFile(bytes)
      size = (await handle.stat()).size
    } finally {
      await handle.close()
    }
    if (size > LIMIT_BYTES) await rename(this.#path, this.#older)
  }
}
