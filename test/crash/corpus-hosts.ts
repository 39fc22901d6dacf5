// Hosts of the corpus that need no platform: memory, and the disk that forgets.

import type { LayerFile, Store } from '../../src/host.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Content, PAGE_BYTES } from './content.ts'
import { filesOf, HOME_DIRECTORIES, runsOf, type CorpusHost, type Tree } from './corpus.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { directoryOf, readChain, type GuestBytes } from './image-reader.ts'
import { Names, ROOT, World } from './world.ts'

/** A world that holds a tree, all of it durable. */
export function worldOf(tree: Tree): World {
  const world = new World({ variantsPerNode: 1, imagesPerPoint: 1, seed: 0 })
  world.tracking = false
  const paths = new Map<string, number>([['', ROOT]])
  const add = (path: string, state: Content | Names): void => {
    const node = world.add(state)
    const at = path.lastIndexOf('/', path.length - 2) + 1
    const name = path.slice(at).replace(/\/$/, '')
    world.rename(paths.get(path.slice(0, at))!, (names) => names.with(name, node))
    paths.set(path, node)
  }
  for (const name of HOME_DIRECTORIES) add(`${name}/`, Names.EMPTY)
  for (const path of [...tree.keys()].sort()) add(path, path.endsWith('/') ? Names.EMPTY : Content.of(tree.get(path)!))
  return world
}

/**
 * A recovered home as it is compared: of each layer that was made since `before` what a guest reads, as how an image is laid out is
 * its writer's affair.
 */
export function shown(tree: Tree, before: Tree): Tree {
  const world = worldOf(tree)
  const layers = directoryOf(world, 'layers')
  const isNew = (path: string): boolean => path.startsWith('layers/') && !before.has(path)
  return new Map(Array.from(tree, ([path, bytes]) => [path, isNew(path) ? bytesOf(readChain(world, layers, path.slice('layers/'.length))) : bytes]))
}

function bytesOf({ pages }: GuestBytes): Uint8Array {
  const bytes = new Uint8Array(pages.length * PAGE_BYTES)
  for (const [i, page] of pages.entries()) if (page !== null) bytes.set(page.bytes, i * PAGE_BYTES)
  return bytes
}

function oldFilesOf(world: World): OldFiles | null {
  const old = world.names(ROOT).entries.get('old')
  return old === undefined ? null : new CrashFileSystem(world, null, old)
}

const treeIn = (world: World): Map<string, Uint8Array> => new Map([...filesOf(world)].map(([path, content]) => [path, content.bytes()]))

export const forgetfulHost: CorpusHost = {
  name: 'the disk that forgets',
  async open(tree) {
    const world = worldOf(tree)
    const store = new FileStore(new CrashFileSystem(world), new MemoryLocks().owner(), 'corpus')
    return { store, old: oldFilesOf(world), read: async () => treeIn(world), close: () => store.close() }
  },
}

/** A store that is no file system has neither `format` nor temporary records: its commits are one step. An old home is always files. */
export function storeHost(name: string, make: () => Promise<Store>): CorpusHost {
  return {
    name,
    async open(tree) {
      const store = await make()
      const beside = worldOf(new Map([...tree].filter(([path]) => path.startsWith('old/'))))
      for (const [path, bytes] of tree) {
        if (path.startsWith('old/')) continue
        const [directory, name] = path.split('/') as ['boxes' | 'images' | 'layers', string]
        if (directory === 'layers') await fill(await store.createLayer(name), bytes)
        else if (name?.endsWith('.json')) await store.commitRecord(directory, name.slice(0, -5), bytes, null, [])
      }
      const read = async (): Promise<Tree> => {
        const files = new Map([...[...tree].filter(([path]) => path === 'format'), ...treeIn(beside)])
        for (const kind of ['boxes', 'images'] as const) {
          for (const name of await store.list(kind)) files.set(`${kind}/${name}`, (await store.readRecord(kind, name.slice(0, -5)))!)
        }
        for (const name of await store.list('layers')) files.set(`layers/${name}`, await readAll(await store.openLayer(name, 'read')))
        return files
      }
      return { store, old: oldFilesOf(beside), read, close: () => store.close() }
    },
  }
}

export const memoryHost: CorpusHost = storeHost('memory', async () => new MemoryStore())

async function fill(file: LayerFile, bytes: Uint8Array): Promise<void> {
  for (const { offset, length } of runsOf(bytes)) await file.write(bytes.subarray(offset, offset + length), offset)
  await file.truncate(bytes.length)
  await file.close()
}

async function readAll(file: LayerFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return bytes
}
