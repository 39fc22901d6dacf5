// The directory that a tar is unpacked in. Every directory on the way to a new file was looked at, or made, here: no link is ever
// followed, and nothing that exists is replaced but files and links.

import { chmod, chown, lstat, mkdir, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stats } from 'node:fs'
import { BoxLiteError } from '../../../src/error.ts'
import { fileCall } from '../file-call.ts'

/** Who owns a file, and when it was changed. */
export interface Attributes {
  readonly mode: number
  readonly modifiedSeconds: number
  /** Null: whoever makes it. */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

export class TargetTree {
  readonly #root: string
  /** Directories that are no links, by path. */
  readonly #known: Set<string>
  /** What the tar says of directories: done last, because what is put into them changes their time, and some modes forbid it. */
  readonly #attributes = new Map<string, Attributes>()

  /** `root` exists; whoever named it may have named it through links. */
  constructor(root: string) {
    this.#root = root
    this.#known = new Set([root])
  }

  /** Makes a directory, or takes the one that is there. */
  async directory(parts: readonly string[], attributes: Attributes): Promise<void> {
    const path = await this.#enter(parts)
    if (path !== this.#root) this.#attributes.set(path, attributes)
  }

  /** The path of a new file, in a directory that is there now; what had its name, a directory aside, is gone. */
  async place(parts: readonly string[]): Promise<string> {
    const path = await this.find(parts)
    const present = await look(path)
    if (present?.isDirectory() === true) throw inTheWay(path, 'a directory')
    if (present !== null) await fileCall('remove', path, unlink(path))
    return path
  }

  /** The path of a file, in a directory that is there now. */
  async find(parts: readonly string[]): Promise<string> {
    const name = parts.at(-1)
    if (name === undefined) throw inTheWay(this.#root, 'a directory')
    return join(await this.#enter(parts.slice(0, -1)), name)
  }

  /** Gives every directory what the tar says of it, the deepest first. */
  async finish(): Promise<void> {
    for (const [path, { mode, modifiedSeconds, owner }] of [...this.#attributes].reverse()) {
      if (owner !== null) await fileCall('change', path, chown(path, owner.uid, owner.gid))
      await fileCall('change', path, utimes(path, fileTime(modifiedSeconds), fileTime(modifiedSeconds)))
      await fileCall('change', path, chmod(path, mode))
    }
  }

  async #enter(parts: readonly string[]): Promise<string> {
    let path = this.#root
    for (const part of parts) {
      path = join(path, part)
      if (this.#known.has(path)) continue
      const present = await look(path)
      if (present === null) await fileCall('make', path, mkdir(path, 0o700))
      else if (!present.isDirectory()) throw inTheWay(path, present.isSymbolicLink() ? 'a link' : 'a file')
      this.#known.add(path)
    }
    return path
  }
}

/** What Node has to be given: it cuts times to whole microseconds, and most of those are a little less as numbers of seconds. */
export function fileTime(seconds: number): number {
  return seconds + 5e-7
}

async function look(path: string): Promise<Stats | null> {
  return fileCall(
    'look at',
    path,
    lstat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    }),
  )
}

function inTheWay(path: string, what: string): BoxLiteError {
  return new BoxLiteError('invalid_argument', `${path} is ${what}: nothing is written through it or in its place`, {
    remedy: 'Move it away, or copy to another place.',
    facts: { path },
  })
}
