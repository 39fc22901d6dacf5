// Latches as sockets in a private directory, for kernels without abstract sockets (macOS, the BSDs).
//
// A socket's file stays when its owner dies, so a name that exists proves nothing; only an answer does. No name is
// ever used twice: each contender listens first, then shows itself as `<latch>.<token>`, then calls everyone else who
// shows there. A name that does not answer is dead for good, and anyone may unlink it.
//
//   listen at <token> - rename to <latch>.<token> - call the others: no answer: unlink the name
//                                                                    held      : withdraw
//                                                                    trying    : the greater token withdraws,
//                                                                                the smaller one waits for it
//
// Of two contenders that overlap at least one sees the other, so never both win; waiting goes from smaller to greater
// tokens only, so it ends, and of those who are trying one wins.

import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, rename, unlink } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import type { Latches } from '../../src/store/latch-locks.ts'
import { fileCall } from './file-call.ts'
import { latchHash } from './named-latches.ts'
import { call, isListening, listen } from './socket.ts'

const HELD = 'h'
const TRYING = 't'

/** `directory` is short (a socket's path ends at 104 bytes); it is made where it is missing and must be the caller's own. */
export function createDirectoryLatches(home: string, directory: string): Latches {
  return {
    async take(name) {
      await claim(directory)
      const contender = await Contender.show(directory, latchHash(home, name, 40))
      return (await contender.prevails()) ? { release: () => contender.withdraw() } : null
    },
    async isTaken(name) {
      await claim(directory)
      const shown = await others(directory, latchHash(home, name, 40), '')
      return (await Promise.all(shown.map((other) => isListening(join(directory, other))))).includes(true)
    },
  }
}

class Contender {
  readonly #directory: string
  readonly #latch: string
  readonly #token = randomBytes(8).toString('hex')
  readonly #callers = new Set<Socket>()
  #held = false
  #server: Server | null = null

  private constructor(directory: string, latch: string) {
    this.#directory = directory
    this.#latch = latch
  }

  static async show(directory: string, latch: string): Promise<Contender> {
    const contender = new Contender(directory, latch)
    const hidden = join(directory, contender.#token)
    contender.#server = await listen(hidden, (caller) => contender.#answer(caller))
    try {
      await fileCall('rename', hidden, rename(hidden, contender.#path))
    } catch (error) {
      await contender.withdraw()
      throw error
    }
    return contender
  }

  /** Calls everyone else; false when it had to withdraw. */
  async prevails(): Promise<boolean> {
    try {
      for (const other of await others(this.#directory, this.#latch, this.#token)) {
        if (!(await this.#outlasts(other))) {
          await this.withdraw()
          return false
        }
      }
    } catch (error) {
      await this.withdraw()
      throw error
    }
    this.#held = true
    for (const caller of this.#callers) caller.end(HELD)
    return true
  }

  async withdraw(): Promise<void> {
    await remove(this.#path)
    this.#server?.close()
    for (const caller of this.#callers) caller.destroy()
  }

  get #path(): string {
    return join(this.#directory, `${this.#latch}.${this.#token}`)
  }

  #answer(caller: Socket): void {
    if (this.#held) {
      caller.end(HELD)
      return
    }
    this.#callers.add(caller)
    caller.once('close', () => this.#callers.delete(caller))
    caller.write(TRYING)
  }

  async #outlasts(other: string): Promise<boolean> {
    const path = join(this.#directory, other)
    const socket = await call(path)
    if (socket === null) {
      await remove(path)
      return true
    }
    const greater = other > `${this.#latch}.${this.#token}`
    let lost = false
    socket.setEncoding('latin1')
    socket.on('data', (said: string) => {
      lost ||= said.includes(HELD) || !greater
      if (lost) socket.destroy()
    })
    // An end that is not orderly is the other's end all the same.
    socket.on('error', () => socket.destroy())
    await new Promise((resolve) => socket.once('close', resolve))
    return !lost
  }
}

async function others(directory: string, latch: string, token: string): Promise<string[]> {
  const names = await fileCall('list', directory, readdir(directory))
  return names.filter((name) => name.startsWith(`${latch}.`) && name !== `${latch}.${token}`)
}

/** Makes the directory, or refuses one that another user could have planted. */
async function claim(directory: string): Promise<void> {
  try {
    await fileCall('make', directory, mkdir(directory, { mode: 0o700 }))
  } catch (error) {
    if (!isBoxLiteError(error, 'already_exists')) throw error
  }
  const stats = await fileCall('look at', directory, lstat(directory))
  if (stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0) return
  throw new BoxLiteError('io', `Cannot keep locks in ${directory}: it is not a private directory of this user`, {
    remedy: `Remove ${directory}, then try again.`,
    facts: { directory },
  })
}

async function remove(path: string): Promise<void> {
  try {
    await fileCall('remove', path, unlink(path))
  } catch (error) {
    if (!isBoxLiteError(error, 'not_found')) throw error
  }
}
