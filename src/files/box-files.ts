// The files of a box. Paths are absolute paths in the box; errors name them, and carry the guest's errno as a fact.

import { textField, u32Field, u64Field, type Field } from '../agent/fields.ts'
import { StreamKind } from '../agent/protocol.ts'
import { byteSource, type ByteInput } from '../byte-source.ts'
import type { Connect } from '../connect.ts'
import { BoxLiteError } from '../error.ts'
import { KeptBytes } from '../kept-bytes.ts'
import { copyIn } from './copy-in.ts'
import { archive, copyOut } from './copy-out.ts'
import { withFiles, type CopySource } from './copy-source.ts'
import type * as Options from './file-options.ts'
import { decodeEntries, type FileEntry, type FileStat } from './file-stat.ts'
import { ask, receive, send, type GuestCall } from './guest-call.ts'
import { pathField } from './guest-path.ts'
import type { HostFiles } from './host-files.ts'
import { statOf } from './stat-of.ts'
import { sinkOf, streamOf } from './stream-of.ts'

const MAX_READ_BYTES = 256 * 2 ** 20
const MAX_LIST_BYTES = 64 * 2 ** 20

const WriteFlag = { EXCLUSIVE: 1, APPEND: 2 } as const
const MakeFlag = { PARENTS: 1 } as const
const RemoveFlag = { RECURSIVE: 1, ABSENT_IS_FINE: 2 } as const

/**
 * The files of a box. Every call rejects with `not_found` where a path is not there, `invalid_argument` for one that is not absolute or
 * is of the wrong kind, and `aborted` by its signal; the fact `errno` is the guest's own word.
 */
export class BoxFiles {
  readonly #connect: Connect
  readonly #host: HostFiles | null

  /** For whoever makes boxes; `host` is null where the platform has no files. */
  constructor(connect: Connect, host: HostFiles | null) {
    this.#connect = connect
    this.#host = host
  }

  /** The content of a file, or a part of it. `limit` where it is longer than `maxBytes`. */
  async read(path: string, { maxBytes = MAX_READ_BYTES, ...options }: Options.ReadWholeOptions = {}): Promise<Uint8Array> {
    return whole(receive(this.#telling(options), readCall(path, options)), path, maxBytes)
  }

  /** The content of a file as UTF-8 text. */
  async readText(path: string, options: Options.ReadWholeOptions = {}): Promise<string> {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await this.read(path, options))
  }

  /** The content of a file as it comes. A call that cannot be done fails the stream's first read. */
  readStream(path: string, options: Options.ReadOptions = {}): ReadableStream<Uint8Array> {
    return streamOf(receive(this.#telling(options), readCall(path, options)))
  }

  /** Writes a file, in place of what was in it; where it fails in the middle, what was written stays. */
  async write(path: string, content: ByteInput, options: Options.WriteOptions = {}): Promise<void> {
    await send(this.#telling(options), writeCall(path, options), byteSource(content))
  }

  /** Writes a file as it comes; closing the stream waits until the guest has all of it. */
  writeStream(path: string, options: Options.WriteOptions = {}): WritableStream<string | Uint8Array> {
    const call = writeCall(path, options)
    return sinkOf((source) => send(this.#telling(options), call, source))
  }

  /** What is in a directory, by name. */
  async list(path: string, options: Options.FileOptions = {}): Promise<FileEntry[]> {
    const call = { kind: StreamKind.LIST, fields: [pathField(path)], what: `Listing '${path}' in the box`, path, signal: options.signal }
    const entries = decodeEntries(await whole(receive(this.#telling(options), call), path, MAX_LIST_BYTES))
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** What is at a path, a link followed unless told otherwise. */
  async stat(path: string, { followLinks = true, ...options }: Options.StatOptions = {}): Promise<FileStat> {
    return statOf(this.#telling(options), path, followLinks, options.signal)
  }

  /** Makes a directory. `already_exists` where something has the name, without `recursive`. */
  async mkdir(path: string, { recursive = false, mode, user, ...options }: Options.MakeDirectoryOptions = {}): Promise<void> {
    const fields = [pathField(path), ...modeField(mode), u32Field(3, recursive ? MakeFlag.PARENTS : 0), ...userField(user)]
    await this.#ask(StreamKind.MAKE_DIRECTORY, fields, `Making the directory '${path}' in the box`, path, options)
  }

  /** Removes a file, a link or an empty directory; a full one with `recursive`. Links are not followed. */
  async remove(path: string, { recursive = false, force = false, ...options }: Options.RemoveFileOptions = {}): Promise<void> {
    const flags = (recursive ? RemoveFlag.RECURSIVE : 0) | (force ? RemoveFlag.ABSENT_IS_FINE : 0)
    await this.#ask(StreamKind.REMOVE, [pathField(path), u32Field(2, flags)], `Removing '${path}' in the box`, path, options)
  }

  /** Gives a file another name, in place of what has it. */
  async rename(from: string, to: string, options: Options.FileOptions = {}): Promise<void> {
    await this.#ask(StreamKind.RENAME, [pathField(from), pathField(to, 2)], `Renaming '${from}' to '${to}' in the box`, from, options)
  }

  /** Sets the permission bits, from 0 to 0o7777. */
  async chmod(path: string, mode: number, options: Options.FileOptions = {}): Promise<void> {
    await this.#ask(StreamKind.CHANGE_MODE, [pathField(path), ...modeField(mode)], `Changing the mode of '${path}' in the box`, path, options)
  }

  /** Sets the owner: `name`, `uid`, `name:group` or `uid:gid` of the box. */
  async chown(path: string, user: string, options: Options.FileOptions = {}): Promise<void> {
    await this.#ask(StreamKind.CHANGE_OWNER, [pathField(path), textField(2, user)], `Changing the owner of '${path}' in the box`, path, options)
  }

  /**
   * Copies a file or a directory into the box: a path of the host, where it has files, or bytes. What goes to a directory that exists
   * goes into it, under its own name; a path that ends in `/.` means what is in the directory.
   */
  copyIn(source: CopySource, guestPath: string, options: Options.CopyInOptions = {}): Promise<Options.CopyReport> {
    return copyIn(this.#telling(options), this.#host, source, guestPath, options)
  }

  /** A tar of a file or a directory of the box, names relative to its parent. */
  copyOut(guestPath: string): ReadableStream<Uint8Array>
  /** Copies a file or a directory of the box to a path of the host, by the same rules as `copyIn`. */
  copyOut(guestPath: string, hostPath: string, options?: Options.CopyOutOptions): Promise<Options.CopyReport>
  copyOut(guestPath: string, hostPath?: string, options: Options.CopyOutOptions = {}): ReadableStream<Uint8Array> | Promise<Options.CopyReport> {
    if (hostPath === undefined) return streamOf(archive(this.#telling(options), guestPath, options))
    return this.#copyOut(guestPath, hostPath, options)
  }

  async #copyOut(guestPath: string, hostPath: string, options: Options.CopyOutOptions): Promise<Options.CopyReport> {
    return copyOut(this.#telling(options), withFiles(this.#host), guestPath, hostPath, options)
  }

  /** The way to the box, that tells how far its start is. */
  #telling({ onProgress }: Options.FileOptions): Connect {
    return (options) => this.#connect({ ...options, onProgress })
  }

  async #ask(kind: number, fields: readonly Field[], what: string, path: string, options: Options.FileOptions): Promise<void> {
    await ask(this.#telling(options), { kind, fields, what, path, signal: options.signal })
  }
}

function readCall(path: string, { offset, length, signal }: Options.ReadOptions): GuestCall {
  const fields = [pathField(path), ...countField(2, 'offset', offset), ...countField(3, 'length', length)]
  return { kind: StreamKind.READ_FILE, fields, what: `Reading '${path}' in the box`, path, signal }
}

function writeCall(path: string, { mode, user, append = false, exclusive = false, signal }: Options.WriteOptions): GuestCall {
  const flags = (exclusive ? WriteFlag.EXCLUSIVE : 0) | (append ? WriteFlag.APPEND : 0)
  const fields = [pathField(path), ...modeField(mode), u32Field(3, flags), ...userField(user)]
  return { kind: StreamKind.WRITE_FILE, fields, what: `Writing '${path}' in the box`, path, signal }
}

function modeField(mode: number | undefined): Field[] {
  if (mode === undefined) return []
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o7777) return [u32Field(2, mode)]
  throw new BoxLiteError('invalid_argument', `${mode} is not the mode of a file`, { remedy: 'Give permission bits, such as 0o644.', facts: { mode } })
}

function userField(user: string | undefined): Field[] {
  return user === undefined ? [] : [textField(4, user)]
}

function countField(tag: number, name: string, value: number | undefined): Field[] {
  if (value === undefined) return []
  if (Number.isSafeInteger(value) && value >= 0) return [u64Field(tag, BigInt(value))]
  throw new BoxLiteError('invalid_argument', `${name} is ${value}`, { remedy: 'Give a whole number of bytes, 0 or more.', facts: { [name]: value } })
}

async function whole(chunks: AsyncIterable<Uint8Array>, path: string, maxBytes: number): Promise<Uint8Array> {
  const kept = new KeptBytes(maxBytes)
  for await (const chunk of chunks) {
    kept.add(chunk)
    if (!kept.overflowed) continue
    const remedy = 'Read it with readStream, or allow more with maxBytes.'
    throw new BoxLiteError('limit', `'${path}' is longer than ${maxBytes} bytes`, { remedy, facts: { path, maxBytes } })
  }
  return kept.bytes()
}
