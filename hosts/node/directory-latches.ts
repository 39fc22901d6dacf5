// Latches as sockets in a private directory, for kernels without abstract sockets (macOS, the BSDs).
//
// A socket's file stays when its owner dies, so a name that exists proves nothing; only an answer does. No name is
// ever used twice: each contender listens first, then shows itself as `<latch>.<token>`, then calls everyone else who
// shows there. A name where nobody listens is dead for good, and anyone may unlink it.
//
//   listen at <token> - rename to <latch>.<token> - call the others: nobody   : unlink the name
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
import type { Answer, Latches } from '../../src/store/latch-locks.ts'
import { fileCall } from './file-call.ts'
import { latchHash } from './named-latches.ts'
import { answers, HELD, listen, SOON } from './socket.ts'

const TRYING = 't'

/** Longest path of a socket on the systems that have the shortest (macOS), in bytes; Node cuts a longer one off and says nothing. */
const SOCKET_PATH_LIMIT_BYTES = 103
/** `/<latch>.<token>` */
const NAME_BYTES = 1 + 40 + 1 + 16

/** `directory` is short, at most 45 bytes, else `limit`; it is made where it is missing and must be the caller's own. */
export function createDirectoryLatches(home: string, directory: string): Latches {
  const longest = SOCKET_PATH_LIMIT_BYTES - NAME_BYTES
  if (Buffer.byteLength(directory) > longest) {
    throw new BoxLiteError('limit', `Cannot keep locks in ${directory}: its path is longer than ${longest} bytes`, { facts: { directory } })
  }
  return {
    async take(name, answer) {
      await claim(directory)
      const contender = await Contender.show(directory, latchHash(home, name, 40), answer)
      return (await contender.prevails()) ? { release: () => contender.withdraw() } : null
    },
    async isTaken(name) {
      await claim(directory)
      const shown = await others(directory, latchHash(home, name, 40), '')
      const stays = (said: string): boolean => said.includes(HELD) || said.includes(TRYING)
      return (await Promise.all(shown.map((other) => answers(join(directory, other), stays)))).includes(true)
    },
  }
}

class Contender {
  readonly #directory: string
  readonly #latch: string
  readonly #token = randomBytes(8).toString('hex')
  readonly #callers = new Set<Socket>()
  readonly #knocked: () => Answer
  #held = false
  #server: Server | null = null

  private constructor(directory: string, latch: string, knocked: () => Answer) {
    this.#directory = directory
    this.#latch = latch
    this.#knocked = knocked
  }

  static async show(directory: string, latch: string, knocked: () => Answer = () => 'stays'): Promise<Contender> {
    const contender = new Contender(directory, latch, knocked)
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

  /** From the first step on nobody answers here; then the name goes. */
  async withdraw(): Promise<void> {
    this.#server?.close()
    for (const caller of this.#callers) caller.destroy()
    await remove(this.#path)
  }

  get #path(): string {
    return join(this.#directory, `${this.#latch}.${this.#token}`)
  }

  #answer(caller: Socket): void {
    const answer = this.#held ? this.#knocked() : 'soon'
    switch (answer) {
      case 'stays':
        caller.end(HELD)
        break
      case 'soon':
        this.#callers.add(caller)
        caller.once('close', () => this.#callers.delete(caller))
        caller.write(this.#held ? SOON : TRYING)
        break
      case 'goes':
        // Nobody is there any more when the caller calls again; a name that could not be removed is anybody's to remove.
        this.withdraw().catch(() => undefined)
        caller.destroy()
    }
  }

  async #outlasts(other: string): Promise<boolean> {
    const path = join(this.#directory, other)
    const greater = other > `${this.#latch}.${this.#token}`
    if (await answers(path, (said) => !greater || said.includes(HELD) || said.includes(SOON))) return false
    await remove(path)
    return true
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
