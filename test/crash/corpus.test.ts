// The corpus of crashed homes on Node: memory, memfs and node:fs, by the core that is shipped.
// BOXLITE_CRASH_CORPUS=write makes it anew.

import { createHash } from 'node:crypto'
import * as nodeFs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { memfs } from 'memfs'
import { describe, expect, it } from 'vitest'
import { createNodeFileSystem, type NodeFs } from '../../hosts/node/fs.ts'
import { oldFiles } from '../../hosts/node/old-home.ts'
import { Core } from '../../src/core/core.ts'
import { coreWasmBase64 } from '../../src/core/core.wasm.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { MemoryLocks } from '../../src/store/memory-locks.ts'
import { Bench } from './bench.ts'
import { Checker } from './checker.ts'
import { CorpusWriter, digestTree, filesOf, HOME_DIRECTORIES, recoverHome, runsOf, type Corpus, type CorpusHost, type Tree } from './corpus.ts'
import { forgetfulHost, memoryHost, shown } from './corpus-hosts.ts'
import { describeCorpus } from './corpus-suite.ts'
import { MODIFIED_MS } from './crash-fs.ts'
import { adoptions, pairs, runScenario, singles } from './scenarios.ts'
import type { World } from './world.ts'

const file = fileURLToPath(new URL('./corpus/homes.json', import.meta.url))
const core = await Core.create()

/** A home in a file system with the calls of `node:fs`. */
function hostOn(name: string, make: () => { fs: typeof nodeFs; root: string; end(): void }): CorpusHost {
  return {
    name,
    async open(tree) {
      const { fs, root, end } = make()
      for (const directory of HOME_DIRECTORIES) fs.mkdirSync(join(root, directory), { recursive: true })
      for (const [path, bytes] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (path.endsWith('/')) fs.mkdirSync(join(root, path))
        else writeSparse(fs, join(root, path), bytes)
      }
      const store = new FileStore(createNodeFileSystem(root, fs as unknown as NodeFs), new MemoryLocks().owner(), 'corpus')
      const old = tree.has('old/') ? oldFiles(join(root, 'old'), fs) : null
      const close = async (): Promise<void> => {
        await store.close()
        await old?.close()
        end()
      }
      return { store, old, read: async () => readTree(fs, root), close }
    },
  }
}

function writeSparse(fs: typeof nodeFs, path: string, bytes: Uint8Array): void {
  const opened = fs.openSync(path, 'w')
  for (const { offset, length } of runsOf(bytes)) fs.writeSync(opened, bytes, offset, length, offset)
  fs.ftruncateSync(opened, bytes.length)
  fs.closeSync(opened)
  fs.utimesSync(path, MODIFIED_MS / 1000, MODIFIED_MS / 1000)
}

function readTree(fs: typeof nodeFs, root: string): Tree {
  const tree = new Map<string, Uint8Array>()
  const read = (path: string): void => {
    for (const name of fs.readdirSync(join(root, path))) {
      const child = path + name
      if (fs.statSync(join(root, child)).isFile()) tree.set(child, new Uint8Array(fs.readFileSync(join(root, child))))
      else {
        if (!HOME_DIRECTORIES.includes(child)) tree.set(`${child}/`, new Uint8Array(0))
        read(`${child}/`)
      }
    }
  }
  read('')
  return tree
}

const onMemfs = hostOn('memfs', () => ({ fs: memfs().fs as unknown as typeof nodeFs, root: '/home', end: () => undefined }))
const onNode = hostOn('node:fs', () => {
  const root = nodeFs.mkdtempSync(join(tmpdir(), 'boxlite-corpus-'))
  return { fs: nodeFs, root, end: () => nodeFs.rmSync(root, { recursive: true }) }
})

/** Crashed homes of every operation and model, a few of each. */
async function makeCorpus(): Promise<Corpus> {
  const checker = new Checker(core)
  const bench = new Bench([core, await Core.create()], checker, { variantsPerNode: 24, imagesPerPoint: 200, seed: 3 })
  const wanted: { name: string; world: World }[] = []
  const taken = new Map<string, number>()
  checker.onDisk = (world, { operation }, model) => {
    const name = `${operation}: ${model}`
    const count = (taken.get(name) ?? 0) + 1
    taken.set(name, count)
    const [step, last] = operation.startsWith('old-') ? [1, 7] : [11, 34]
    if ((count - 1) % step === 0 && count < last) wanted.push({ name: `${name} ${count}`, world: world.fork() })
  }
  // A tree of files has no links.
  const homes = singles().filter((scenario) => !scenario.startsWith('single linked'))
  for (const scenario of [...homes, ...pairs().filter((_, i) => i % 29 === 0), ...adoptions()]) {
    checker.enough = checker.states.size + 150
    await runScenario(bench, scenario)
  }
  const writer = new CorpusWriter()
  for (const { name, world } of wanted) {
    const before = new Map([...filesOf(world)].map(([path, content]) => [path, content.clip().bytes()]))
    const opened = await forgetfulHost.open(before)
    const adopted = await recoverHome(core, opened.store, opened.old)
    writer.add(name, world, await digestTree(shown(await opened.read(), before), adopted))
  }
  return writer.corpus
}

if (process.env['BOXLITE_CRASH_CORPUS'] === 'write') {
  nodeFs.mkdirSync(dirname(file), { recursive: true })
  nodeFs.writeFileSync(file, `${JSON.stringify(await makeCorpus()).replaceAll('},{"name"', '},\n{"name"')}\n`)
}

describe('the corpus of crashed homes', () => {
  describeCorpus(JSON.parse(nodeFs.readFileSync(file, 'utf8')) as Corpus, core, [forgetfulHost, memoryHost, onMemfs, onNode])

  it('is recovered by the bytes that are shipped', () => {
    const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
    const shipped = nodeFs.readFileSync(fileURLToPath(new URL('../../dist/core.wasm', import.meta.url)))
    expect(sha256(Buffer.from(coreWasmBase64, 'base64'))).toBe(sha256(shipped))
  })
})
