// Boxes in a page of Chromium, beside the emulator alone in the same page: how soon a visitor has a prompt, what a command and a key
// take, and what the disk in IndexedDB does.

import { existsSync } from 'node:fs'
import { chromium, type BrowserContext, type Page } from 'playwright'
import { findGuest } from '../hosts/node/guest-assets.ts'
import { compareSteps, median, ms, sideCells, verdict, type Measured, type SteppedSide, type Table } from './harness.ts'
import type { PageCalls } from './page-calls.ts'
import { inScratch, type Scratch } from './scratch.ts'
import { Site } from './site.ts'

const chromiumPath = process.env['BOXLITE_CHROMIUM'] || '/usr/bin/chromium'
const chromiumArguments = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

const visits = 5
const commands = 100
const diskRounds = 5
const smallWrites = 20
const snapshots = 31
/** In milliseconds where nothing else is said. */
const targets = { visit: 1.3, firstVisitMb: 8, exec: 30, key: 10, disk: 0.6, smallWrite: 10, snapshot: 15 } as const

const dataMib = 32
const forget = 'echo 3 >/proc/sys/vm/drop_caches'
// What is written comes from a file system in the guest's memory, so that neither its making nor its reading is measured.
const scripts = {
  reads: `dd if=/data of=/dev/null bs=1M 2>/dev/null; ${forget}`,
  writes: `dd if=/dev/shm/data of=/written bs=1M conv=fsync 2>/dev/null; ${forget}`,
} as const
// Random bytes: nothing that a store could leave out.
const prepare = `set -e; head -c ${dataMib * 2 ** 20} /dev/urandom >/data; cp /data /dev/shm/data; sync; ${forget}`

export async function benchPages(): Promise<Table[]> {
  const title = 'A page'
  const guest = await findGuest()
  if (!existsSync(chromiumPath)) return [{ title, text: `There is no Chromium at ${chromiumPath}.`, head: ['side'], rows: [] }]
  if (guest.manifest.emulator === undefined) return [{ title, text: 'This guest brings no emulator: `npm run guest`.', head: ['side'], rows: [] }]
  return inScratch(async (scratch) => {
    const site = await Site.open(guest)
    try {
      return [await visitTable(scratch, site), ...(await workTables(scratch, site))]
    } finally {
      await site.close()
    }
  })
}

/** A browser that was never here before. */
function newBrowser(scratch: Scratch, name: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(scratch.path(name), { executablePath: chromiumPath, args: chromiumArguments })
}

async function visit(context: BrowserContext, site: Site): Promise<Page> {
  const page = await context.newPage()
  await page.goto(site.url)
  return page
}

/** Calls a function of the page. */
function call<K extends keyof PageCalls>(page: Page, name: K, ...args: Parameters<PageCalls[K]>): ReturnType<PageCalls[K]> {
  const called: Promise<unknown> = page.evaluate(
    ([name, args]) => {
      const { bench } = globalThis as unknown as { readonly bench: Readonly<Record<string, (...args: unknown[]) => unknown>> }
      return bench[name]!(...args)
    },
    [name, args] as const,
  )
  return called as ReturnType<PageCalls[K]>
}

async function visitTable(scratch: Scratch, site: Site): Promise<Table> {
  let firstVisitBytes = 0
  const side = (name: string, what: 'visit' | 'visitBare', isKept: boolean): SteppedSide<'first' | 'repeat'> => ({
    name,
    async run(round) {
      const context = await newBrowser(scratch, `${what}${round}`)
      try {
        site.sentBytes = 0
        const page = await visit(context, site)
        const first = await call(page, what)
        if (what === 'visit') firstVisitBytes = site.sentBytes
        await page.close()
        site.hasGuest = !isKept
        return { first, repeat: await call(await visit(context, site), what) }
      } finally {
        site.hasGuest = true
        await context.close()
      }
    },
  })
  const ours = side('a box of a home in IndexedDB', 'visit', true)
  const bare = side('the emulator alone, a disk in memory', 'visitBare', false)
  const { first, repeat } = await compareSteps([ours, bare], visits, scratch.settle)
  const row = (what: string, one: Measured, index: number): string[] => [
    ...[what, ...sideCells(one)],
    index === 0 ? verdict(one.ratio, targets.visit) : '',
  ]
  return {
    title: 'A page: from the visit to the prompt of a shell',
    text:
      'Chromium, a server on this machine; the same kernel, agent and image, 128 MiB. On the repeat visit there is no way to the ' +
      `guest's files: the page has kept them, and the emulator alone loads them again. Medians of ${visits}. ` +
      `Target: at most ${targets.visit} times the emulator alone. For the first visit the server, which compresses nothing, sent ` +
      `${(firstVisitBytes / 1e6).toFixed(1)} MB; target ${targets.firstVisitMb} MB: ${verdict(firstVisitBytes / 1e6, targets.firstVisitMb)}.`,
    head: ['visit', 'side', 'median', 'fastest', 'slowest', 'ratio', `target ${targets.visit}x`],
    rows: [...first.map((one, index) => row('first', one, index)), ...repeat.map((one, index) => row('repeat', one, index))],
  }
}

async function workTables(scratch: Scratch, site: Site): Promise<Table[]> {
  const context = await newBrowser(scratch, 'work')
  try {
    const page = await visit(context, site)
    await call(page, 'visit')
    await call(page, 'visitBare')
    const rows: string[][] = []
    const add = (what: string, times: readonly number[], target: number): void => {
      const p95 = times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)]!
      rows.push([what, ms(median(times)), ms(p95), ms(Math.max(...times)), verdict(median(times), target), `${target} ms`])
    }
    // The first ones are those in which the browser compiles.
    await call(page, 'execs', commands)
    add('exec of `true`', await call(page, 'execs', commands), targets.exec)
    await call(page, 'keys', commands)
    add('a key, from the shell back to the page', await call(page, 'keys', commands), targets.key)
    const disk = await diskTable(page)
    add('4 KiB written and made durable by the guest', await smallWriteTimes(page), targets.smallWrite)
    for (const size of ['1 MiB', '1 GiB'] as const) {
      const { create, restore } = await call(page, 'snapshots', size, snapshots)
      add(`snapshot of a stopped box of ${size}`, create, targets.snapshot)
      add(`going back to a snapshot of a box of ${size}`, restore, targets.snapshot)
    }
    const answers: Table = {
      title: 'A page: what is waited for',
      text:
        `Medians of ${commands}, of ${smallWrites} for what is written, of ${snapshots} for snapshots, each on top of the one before; ` +
        `the box of 1 GiB has written ${2 * dataMib} MiB, that of 1 MiB nothing.`,
      head: ['what', 'median', '95 %', 'slowest', 'median within the target', 'target'],
      rows,
    }
    return [answers, disk]
  } finally {
    await context.close()
  }
}

async function diskTable(page: Page): Promise<Table> {
  await call(page, 'script', prepare)
  await call(page, 'bareScript', prepare)
  const side = (name: string, what: 'script' | 'bareScript'): SteppedSide<'reads' | 'writes'> => ({
    name,
    run: async () => ({ reads: await call(page, what, scripts.reads), writes: await call(page, what, scripts.writes) }),
  })
  const measured = await compareSteps([side('through IndexedDB', 'script'), side('a disk in memory', 'bareScript')], diskRounds)
  const row = (what: 'reads' | 'writes', one: Measured, index: number): string[] => [
    ...[what, ...sideCells(one)],
    index === 0 ? verdict(one.ratio, 1 / targets.disk) : '',
  ]
  return {
    title: 'A page: the guest reads and writes its disk',
    text:
      `${dataMib} MiB of random bytes with nothing of the disk cached in the guest; written with one fsync. Medians of ${diskRounds}. ` +
      `Target: at least ${targets.disk} times the speed of the disk in memory.`,
    head: ['guest', 'side', 'median', 'fastest', 'slowest', 'ratio', `at most ${(1 / targets.disk).toFixed(2)}`],
    rows: (['reads', 'writes'] as const).flatMap((what) => measured[what].map((one, index) => row(what, one, index))),
  }
}

/** Every write(2) of a file system that is mounted so is also its fsync. */
async function smallWriteTimes(page: Page): Promise<number[]> {
  const count = 20
  const write = `dd if=/dev/shm/data of=/small bs=4096 count=${count} conv=notrunc 2>/dev/null`
  await call(page, 'script', `${write}; sync; mount -o remount,sync /`)
  const times: number[] = []
  for (let round = 0; round < smallWrites; round++) {
    times.push((await call(page, 'script', write)) / count)
  }
  await call(page, 'script', 'mount -o remount,async /')
  return times
}
