// The core as a WASI command: under two runtimes it does to a home what the store on Node does, and says so.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openNodeStore } from '../../hosts/node/home.ts'
import { Core } from '../../src/core/core.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { Finding } from '../../src/operation/operation.ts'
import { Reason } from '../../src/operation/abi.ts'
import { perform, type MachineControl } from '../../src/perform.ts'
import { cutAfter, homes, operations, readRecord } from './homes.ts'
import { commandImports, digests, readTree, runUnderNode, runUnderWasmer, type Tree } from './run-command.ts'

let scratch: string
let next = 0
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'boxlite-wasi-test-'))
})
afterAll(() => rmSync(scratch, { recursive: true }))

function copyOf(folder: string): string {
  const copy = join(scratch, `copy${next++}`)
  cpSync(folder, copy, { recursive: true })
  return copy
}

type Line = Record<string, unknown>

/** What the store on Node makes of the home: every box recovered, then what nothing reaches deleted (or named). */
async function recoverOnNode(folder: string, dryRun: boolean): Promise<{ lines: Line[]; tree: Tree }> {
  const store = await openNodeStore(folder)
  const core = await Core.create()
  const lines: Line[] = []
  try {
    const boxes = (await store.list('boxes')).filter((name) => /^[0-9a-f]{32}\.json$/.test(name)).sort()
    for (const boxId of boxes.map((name) => name.slice(0, 32))) {
      try {
        lines.push({ box: boxId, recovered: (await perform(core, { kind: 'recover', boxId }, { store, machines: goneMachines })).recovered })
      } catch (error) {
        if (!isBoxLiteError(error)) throw error
        const { reason, detail, subject } = error.facts as { reason: string; detail: number; subject?: string }
        lines.push({ box: boxId, failed: error.code, reason: reasonNumber(reason), subject: subject ?? '', detail })
      }
    }
    const { findings, layers, deleted, complete } = await perform(core, { kind: 'collect', dryRun }, { store })
    lines.push(...findings.map(findingLine), { layers, deleted, complete })
  } finally {
    await store.close()
  }
  return { lines, tree: readTree(folder) }
}

function findingLine(finding: Finding): Line {
  const { kind, ...fields } = finding
  return { finding: kind, ...fields, ...('reason' in finding && { reason: reasonNumber(finding.reason) }) }
}

const reasonNumber = (name: string): number => Reason[name.toUpperCase() as keyof typeof Reason]

/** Whoever holds the home knows that no machine of its boxes lives. */
const goneMachines: MachineControl = {
  ask: async () => ({ state: 'none' }),
  kill: async () => undefined,
  freeze: unexpected,
  pause: unexpected,
  drain: unexpected,
  flush: unexpected,
  switchTo: unexpected,
  resume: unexpected,
  thaw: unexpected,
}

async function unexpected(): Promise<void> {
  throw new Error('a machine that is gone was spoken to')
}

/** A directory is listed in no order, and so are its findings. */
const sorted = (lines: readonly Line[]): Line[] => lines.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))

const damaged = (lines: readonly Line[]): boolean => lines.some((line) => 'failed' in line || line['finding'] === 'unreadable')

describe('the WASI command', () => {
  it('imports WASI and nothing else', () => {
    expect(commandImports.length).toBeGreaterThan(5)
    expect(commandImports.filter(({ module }) => module !== 'wasi_snapshot_preview1')).toEqual([])
  })

  it.each(Object.keys(homes))('recovers %s as the store on Node does, and a second time changes nothing', async (name) => {
    const folder = join(scratch, `home${next++}`)
    await homes[name]!(folder)
    const ours = await recoverOnNode(copyOf(folder), false)
    const home = copyOf(folder)
    const { lines, exitCode } = await runUnderNode(['recover'], home)
    expect(lines[0]).toEqual({ directorySync: true })
    expect(sorted(lines.slice(1))).toEqual(sorted(ours.lines))
    expect(exitCode).toBe(damaged(ours.lines) ? 2 : 0)
    expect(digests(readTree(home))).toEqual(digests(ours.tree))
    await runUnderNode(['recover'], home)
    expect(digests(readTree(home))).toEqual(digests(ours.tree))
  })

  it.each(Object.keys(homes))('recovers %s where directories cannot be synced, deletes nothing and says so', async (name) => {
    const folder = join(scratch, `home${next++}`)
    await homes[name]!(folder)
    const before = readTree(folder)
    const ours = await recoverOnNode(copyOf(folder), true)
    const { answer, tree } = await runUnderWasmer(['recover'], before)
    expect(answer.lines[0]).toEqual({ directorySync: false })
    expect(sorted(answer.lines.slice(1))).toEqual(sorted(ours.lines))
    expect(digests(tree)).toEqual(digests(ours.tree))
    expect([...before.keys()].filter((path) => !tree.has(path))).toEqual([])
  })

  it.each(Object.keys(operations))('recovers a home whose process was killed after any effect of %s, on both runtimes', async (name) => {
    const folder = join(scratch, `home${next++}`)
    await homes['a home in order']!(folder)
    let effects = 1
    for (; ; effects++) {
      const cut = copyOf(folder)
      if (!(await cutAfter(cut, operations[name]!, effects))) break
      const before = readTree(cut)
      const recovered = copyOf(cut)
      const ours = await recoverOnNode(recovered, false)
      const { lines } = await runUnderNode(['recover'], cut)
      expect(sorted(lines.slice(1))).toEqual(sorted(ours.lines))
      expect(digests(readTree(cut))).toEqual(digests(ours.tree))
      const { tree } = await runUnderWasmer(['recover'], before)
      // There nothing is deleted: what recovery leaves on Node, and the garbage as it was.
      expect(digests(tree)).toEqual(digests(new Map([...before, ...ours.tree])))
      for (const gone of [cut, recovered]) rmSync(gone, { recursive: true })
    }
    console.log(`${name}: ${effects - 1} crashed homes`)
    expect(effects).toBeGreaterThan(3)
  })

  it.each(Object.keys(homes))('checks %s and changes nothing', async (name) => {
    const folder = join(scratch, `home${next++}`)
    await homes[name]!(folder)
    const before = readTree(folder)
    const { lines, exitCode } = await runUnderNode(['check'], folder)
    const garbage = lines.some((line) => 'finding' in line)
    expect(exitCode).toBe(damaged(lines) ? 2 : garbage ? 3 : 0)
    expect(digests(readTree(folder))).toEqual(digests(before))
    const { answer, tree } = await runUnderWasmer(['check'], before)
    expect(sorted(answer.lines.slice(1))).toEqual(sorted(lines.slice(1)))
    expect(answer.exitCode).toBe(exitCode)
    expect(digests(tree)).toEqual(digests(before))
  })

  it('prints every record in the order of ids', async () => {
    const folder = join(scratch, `home${next++}`)
    await homes['a home in order']!(folder)
    const { lines, exitCode } = await runUnderNode(['info'], folder)
    expect(exitCode).toBe(0)
    expect(lines.slice(1)).toEqual(['a', 'b'].map((letter) => ({ record: readRecord(folder, letter.repeat(32)) })))
  })

  it('walks more boxes than one batch holds', async () => {
    const folder = join(scratch, `home${next++}`)
    await homes['an empty home']!(folder)
    const ids = Array.from({ length: 2500 }, (_, index) => index.toString(16).padStart(32, '0'))
    for (const boxId of ids) writeFileSync(join(folder, 'boxes', `${boxId}.json`), '{}')
    const { lines, exitCode } = await runUnderNode(['info'], folder)
    expect(exitCode).toBe(2)
    expect(lines.slice(1)).toEqual(ids.map((box) => ({ box, failed: 'corrupt' })))
  })

  it('refuses what is not a home, another version, and a wrong call', async () => {
    const folder = join(scratch, `home${next++}`)
    mkdirSync(folder)
    expect((await runUnderNode(['check'], folder)).exitCode).toBe(1)
    writeFileSync(join(folder, 'format'), 'boxlite home 2\n')
    expect((await runUnderNode(['recover'], folder)).exitCode).toBe(1)
    for (const args of [[], ['repair'], ['check', 'twice']]) expect((await runUnderNode(args, folder)).exitCode).toBe(64)
    expect([...readTree(folder).keys()]).toEqual(['format'])
  })
})
