// The corpus of crashed homes through the WASI command, under both runtimes: as every store recovers them. Under the one that
// cannot sync a directory nothing is deleted: what recovery leaves is there, and the rest as it was.

import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { count } from '../counts.ts'
import { digestTree, HOME_DIRECTORIES, recoverHome, runsOf, treeOf, type Corpus } from '../crash/corpus.ts'
import { forgetfulHost } from '../crash/corpus-hosts.ts'
import { readTree, runUnderNode, runUnderWasmer, type Tree } from './run-command.ts'

const file = fileURLToPath(new URL('../crash/corpus/homes.json', import.meta.url))
const corpus = JSON.parse(readFileSync(file, 'utf8')) as Corpus
// A home of the prior implementation is adopted by the package: the command knows none. Every other one of the rest will do.
const step = count(2, 1)
const homes = corpus.homes.filter(({ name }) => !name.startsWith('old-')).filter((_, i) => i % step === 0)
const core = await Core.create()

function writeHome(folder: string, tree: Tree): void {
  for (const directory of HOME_DIRECTORIES) mkdirSync(join(folder, directory))
  for (const [path, bytes] of tree) {
    const opened = openSync(join(folder, path), 'w')
    for (const { offset, length } of runsOf(bytes)) writeSync(opened, bytes, offset, length, offset)
    ftruncateSync(opened, bytes.length)
    closeSync(opened)
  }
}

it(`recovers each of ${homes.length} crashed homes under Node's WASI as everywhere`, { timeout: 600_000 }, async () => {
  const different: string[] = []
  for (const home of homes) {
    const folder = mkdtempSync(join(tmpdir(), 'boxlite-wasi-corpus-'))
    writeHome(folder, treeOf(corpus, home))
    const { exitCode } = await runUnderNode(['recover'], folder)
    if (exitCode !== 0 || (await digestTree(readTree(folder))) !== home.recovered) different.push(home.name)
    rmSync(folder, { recursive: true })
  }
  expect(different).toEqual([])
})

it(`recovers each of ${homes.length} crashed homes under a runtime that syncs no directory, and deletes nothing`, { timeout: 600_000 }, async () => {
  const different: string[] = []
  for (const home of homes) {
    const before = treeOf(corpus, home)
    const { store, read, close } = await forgetfulHost.open(before)
    await recoverHome(core, store, null)
    const expected = new Map([...before, ...(await read())])
    await close()
    const { tree } = await runUnderWasmer(['recover'], before)
    if ((await digestTree(tree)) !== (await digestTree(expected))) different.push(home.name)
  }
  expect(different).toEqual([])
})
