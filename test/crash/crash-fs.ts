// A process's view of a world: the store's FileSystem over a disk that forgets, with what a home of the prior
// implementation needs besides. Each call passes a hook, where a run is cut, interleaved with another process, made to
// fail, or mutated. As POSIX has it, a symbolic link is followed wherever a directory is wanted: what must not be led
// out of the home has to look first.

import { BoxLiteError } from '../../src/error.ts'
import type { FileHead, LayerFile } from '../../src/host.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { fileError } from '../../src/store/file-error.ts'
import type { EntryKind, OpenMode } from '../../src/store/file-system.ts'
import { Content } from './content.ts'
import { Link, Names, ROOT, type World } from './world.ts'

export type CallName =
  | 'open'
  | 'create'
  | 'readFile'
  | 'readHead'
  | 'kind'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'modifiedMs'
  | 'identity'
  | 'unlink'
  | 'removeDirectory'
  | 'syncDirectory'
  | 'read'
  | 'write'
  | 'truncate'
  | 'size'
  | 'sync'
  | 'close'
  | MachineCall

/** What is asked of a machine; it passes the same hook. */
export type MachineCall = 'freeze' | 'pause' | 'drain' | 'flush' | 'switchTo' | 'resume' | 'thaw' | 'ask' | 'kill'

/** One call of a file system: what is done to which path. */
export interface Call {
  readonly name: CallName
  readonly path: string
  /** The directory or file it changes or syncs. */
  readonly node: number
  /** Whether the disk, or what is durable of it, may be another one after it. */
  readonly changes: boolean
}

/** Stands around every call; `act` does it. Without a hook a call is just done. */
export type Hook = <T>(call: Call, act: () => T) => T | Promise<T>

const changing: ReadonlySet<CallName> = new Set([
  ...(['create', 'write', 'truncate', 'sync', 'rename', 'link', 'unlink'] as const),
  ...(['makeDirectory', 'removeDirectory', 'syncDirectory'] as const),
])

/** When every file of these tests was last written to: a power cut that changed times would make one state many. */
export const MODIFIED_MS = 1_780_000_000_000

export class CrashFileSystem implements OldFiles {
  readonly location = '/home/of/the/test'
  readonly atomicReplace = true
  readonly directorySync = true
  readonly world: World
  readonly #hook: Hook | null
  readonly #root: number

  /** `root` is the directory that paths begin at. */
  constructor(world: World, hook: Hook | null = null, root = ROOT) {
    this.world = world
    this.#hook = hook
    this.#root = root
  }

  open(path: string, mode: OpenMode): Promise<LayerFile> {
    const create = mode === 'create'
    return this.#call(create ? 'create' : 'open', path, ROOT, () => {
      const [directory, name] = this.#place(path)
      let node = this.world.names(directory).entries.get(name)
      if (create) {
        if (node !== undefined) throw fileError('EEXIST', 'create', path)
        node = this.world.add(Content.EMPTY)
        const made = node
        this.world.rename(directory, (names) => names.with(name, made))
      }
      return new CrashFile(this, path, this.#file(node, 'open', path))
    })
  }

  readFile(path: string, limitBytes: number): Promise<Uint8Array | null> {
    return this.#call('readFile', path, ROOT, () => {
      const node = this.#find(path)
      if (node === undefined) return null
      const content = this.world.content(this.#file(node, 'read', path))
      if (content.length > limitBytes) throw new BoxLiteError('limit', `${path} is longer than ${limitBytes} bytes`)
      return content.bytes()
    })
  }

  readHead(path: string, lengthBytes: number): Promise<FileHead> {
    return this.#call('readHead', path, ROOT, () => {
      const content = this.world.content(this.#file(this.#find(path), 'read', path))
      const bytes = new Uint8Array(Math.min(lengthBytes, content.length))
      content.read(bytes, 0)
      return { bytes, fileBytes: content.length }
    })
  }

  kind(path: string): Promise<EntryKind | null> {
    return this.#call('kind', path, ROOT, () => {
      const node = this.#find(path)
      if (node === undefined) return null
      const state = this.world.node(node).now
      return state instanceof Content ? 'file' : state instanceof Names ? 'directory' : 'other'
    })
  }

  list(path: string): Promise<string[]> {
    return this.#call('list', path, ROOT, () => [...this.world.names(this.#directory(path, 'list')).entries.keys()])
  }

  makeDirectory(path: string): Promise<void> {
    return this.#call('makeDirectory', path, ROOT, () => {
      const [directory, name] = this.#place(path)
      if (this.world.names(directory).entries.has(name)) throw fileError('EEXIST', 'make', path)
      const made = this.world.add(Names.EMPTY)
      this.world.rename(directory, (names) => names.with(name, made))
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', `${from} -> ${to}`, ROOT, () => {
      const [fromDirectory, fromName] = this.#place(from)
      const [toDirectory, toName] = this.#place(to)
      const node = this.world.names(fromDirectory).entries.get(fromName)
      if (node === undefined) throw fileError('ENOENT', 'rename', from)
      if (fromDirectory === toDirectory) {
        this.world.rename(toDirectory, (names) => names.without(fromName).with(toName, node))
        return
      }
      this.world.rename(toDirectory, (names) => names.with(toName, node))
      this.world.rename(fromDirectory, (names) => names.without(fromName))
    })
  }

  link(from: string, to: string): Promise<void> {
    return this.#call('link', `${from} -> ${to}`, ROOT, () => {
      const node = this.#file(this.#find(from), 'link', from)
      const [directory, name] = this.#place(to)
      if (this.world.names(directory).entries.has(name)) throw fileError('EEXIST', 'link', to)
      this.world.rename(directory, (names) => names.with(name, node))
    })
  }

  identity(path: string): Promise<string> {
    return this.#call('identity', path, ROOT, () => String(this.#file(this.#find(path), 'look at', path)))
  }

  modifiedMs(path: string): Promise<number> {
    return this.#call('modifiedMs', path, ROOT, () => {
      this.#file(this.#find(path), 'look at', path)
      return MODIFIED_MS
    })
  }

  unlink(path: string): Promise<void> {
    return this.#call('unlink', path, ROOT, () => {
      const [directory, name] = this.#place(path)
      const node = this.world.names(directory).entries.get(name)
      if (node === undefined) throw fileError('ENOENT', 'remove', path)
      if (this.world.node(node).now instanceof Names) throw fileError('EISDIR', 'remove', path)
      this.world.rename(directory, (names) => names.without(name))
    })
  }

  removeDirectory(path: string): Promise<void> {
    return this.#call('removeDirectory', path, ROOT, () => {
      const [directory, name] = this.#place(path)
      if (this.world.names(this.#directory(path, 'remove')).entries.size > 0) throw fileError('ENOTEMPTY', 'remove', path)
      this.world.rename(directory, (names) => names.without(name))
    })
  }

  syncDirectory(path: string): Promise<void> {
    const node = this.#find(path) ?? ROOT
    return this.#call('syncDirectory', path, node, () => this.world.sync(this.#directory(path, 'sync')))
  }

  async close(): Promise<void> {}

  /** For the files of this file system. */
  call<T>(name: CallName, path: string, node: number, act: () => T): Promise<T> {
    return this.#call(name, path, node, act)
  }

  async #call<T>(name: CallName, path: string, node: number, act: () => T): Promise<T> {
    if (this.#hook === null) return act()
    return this.#hook({ name, path, node, changes: changing.has(name) }, act)
  }

  #find(path: string): number | undefined {
    if (path === '') return this.#root
    const [directory, name] = this.#place(path)
    return this.world.names(directory).entries.get(name)
  }

  #directory(path: string, action: string): number {
    const node = this.#followed(this.#find(path))
    if (node === undefined) throw fileError('ENOENT', action, path)
    if (!(this.world.node(node).now instanceof Names)) throw fileError('ENOTDIR', action, path)
    return node
  }

  /** The directory that a path's last name stands in. */
  #place(path: string): [number, string] {
    const parts = path.split('/')
    const last = parts.pop()!
    let directory = this.#root
    for (const part of parts) {
      const node = this.#followed(this.world.names(directory).entries.get(part))
      if (node === undefined) throw fileError('ENOENT', 'reach', path)
      if (!(this.world.node(node).now instanceof Names)) throw fileError('ENOTDIR', 'reach', path)
      directory = node
    }
    return [directory, last]
  }

  /** What a link leads to. Those of these tests are `../<name>`, in a directory of the root. */
  #followed(node: number | undefined): number | undefined {
    const state = node === undefined ? undefined : this.world.node(node).now
    return state instanceof Link ? this.world.names(ROOT).entries.get(state.target.slice('../'.length)) : node
  }

  #file(node: number | undefined, action: string, path: string): number {
    if (node === undefined) throw fileError('ENOENT', action, path)
    const state = this.world.node(node).now
    if (state instanceof Content) return node
    throw fileError(state instanceof Names ? 'EISDIR' : 'ELOOP', action, path)
  }
}

class CrashFile implements LayerFile {
  readonly #files: CrashFileSystem
  readonly #path: string
  readonly #node: number

  constructor(files: CrashFileSystem, path: string, node: number) {
    this.#files = files
    this.#path = path
    this.#node = node
  }

  read(target: Uint8Array, offset: number): Promise<number> {
    return this.#call('read', () => this.#files.world.content(this.#node).read(target, offset))
  }

  write(source: Uint8Array, offset: number): Promise<void> {
    return this.#call('write', () => this.#files.world.write(this.#node, offset, source))
  }

  truncate(length: number): Promise<void> {
    return this.#call('truncate', () => this.#files.world.truncate(this.#node, length))
  }

  size(): Promise<number> {
    return this.#call('size', () => this.#files.world.content(this.#node).length)
  }

  sync(): Promise<void> {
    return this.#call('sync', () => this.#files.world.sync(this.#node))
  }

  async close(): Promise<void> {
    await this.#call('close', () => undefined)
  }

  #call<T>(name: CallName, act: () => T): Promise<T> {
    return this.#files.call(name, this.#path, this.#node, act)
  }
}
