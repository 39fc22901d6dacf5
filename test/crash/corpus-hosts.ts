// Hosts of the corpus that need no platform: memory, and the disk that forgets.

import type { LayerFile } from '../../src/host.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { Content } from './content.ts'
import { filesOf, type CorpusHost, type Tree } from './corpus.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { Names, ROOT, World } from './world.ts'

const directories = ['boxes', 'images', 'layers', 'states']

/** A world that holds a tree, all of it durable. */
export function worldOf(tree: Tree): World {
  const world = new World({ variantsPerNode: 1, imagesPerPoint: 1, seed: 0 })
  world.tracking = false
  const made = new Map(directories.map((name) => [name, world.add(Names.EMPTY)]))
  for (const [name, node] of made) world.rename(ROOT, (names) => names.with(name, node))
  for (const [path, bytes] of tree) {
    const [directory, name] = path.includes('/') ? (path.split('/') as [string, string]) : ['', path]
    const node = world.add(Content.of(bytes))
    world.rename(directory === '' ? ROOT : made.get(directory)!, (names) => names.with(name, node))
  }
  return world
}

export const forgetfulHost: CorpusHost = {
  name: 'the disk that forgets',
  async open(tree) {
    const world = worldOf(tree)
    const store = new FileStore(new CrashFileSystem(world), new MemoryLocks().owner(), 'corpus')
    const read = async (): Promise<Tree> => new Map([...filesOf(world)].map(([path, content]) => [path, content.bytes()]))
    return { store, read, close: () => store.close() }
  },
}

/** Memory has neither `format` nor temporary records: its commits are one step. */
export const memoryHost: CorpusHost = {
  name: 'memory',
  async open(tree) {
    const home = new MemoryHome()
    const store = new MemoryStore(home)
    for (const [path, bytes] of tree) {
      const [directory, name] = path.split('/') as ['boxes' | 'images' | 'layers', string]
      if (directory === 'layers') await fill(await store.createLayer(name), bytes)
      else if (name?.endsWith('.json')) home.records[directory].set(name.slice(0, -5), bytes)
    }
    const read = async (): Promise<Tree> => {
      const files = new Map([...tree].filter(([path]) => path === 'format'))
      for (const kind of ['boxes', 'images'] as const) for (const [id, bytes] of home.records[kind]) files.set(`${kind}/${id}.json`, bytes)
      for (const name of home.layers.keys()) files.set(`layers/${name}`, await readAll(await store.openLayer(name, 'read')))
      return files
    }
    return { store, read, close: () => store.close() }
  },
}

async function fill(file: LayerFile, bytes: Uint8Array): Promise<void> {
  await file.write(bytes, 0)
  await file.close()
}

async function readAll(file: LayerFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(await file.size())
  await file.read(bytes, 0)
  await file.close()
  return bytes
}
