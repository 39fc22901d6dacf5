// For how long the main thread of a page is kept busy in one piece while its boxes are worked with. Processor time, from the browser's
// own trace: what other programs take of the machine does not count.

import { chromium, type Browser, type Page } from 'playwright'
import { findGuest } from '../hosts/node/guest-assets.ts'
import { ms, verdict, type Table } from './harness.ts'
import { Site } from './site.ts'

const TARGET_MS = 50

/** What is done, in the page: `boxlite` is the package (page/package.ts). */
const steps: Readonly<Record<string, string>> = {
  open: "lite = await boxlite.BoxLite.open({ assets: 'guest/' })",
  create: "box = await lite.create({ name: 'web', image: 'base', memoryMib: 128, diskSizeGb: 1 })",
  start: 'await box.start()',
  'exec of true': "await box.exec('true')",
  '8 MiB out of a command': "bytes = (await box.exec('head', ['-c', '8388608', '/dev/urandom'], { encoding: 'buffer' })).stdout",
  '16 MiB into a file': "await box.files.copyIn(new Blob([bytes, bytes]), '/root/data')",
  'snapshot while it runs': "await box.snapshot.create('a')",
  'restore, and start': "await box.snapshot.restore('a', { restart: true })",
  '32 MiB of data in the guest': "await box.exec('sh', ['-c', 'dd if=/dev/urandom of=/root/more bs=1M count=32 && sync'])",
  stop: 'await box.stop()',
  export: 'archive = await boxlite.archiveBlob(box.export())',
  import: "copy = await lite.import(archive, { name: 'copy' })",
  fsck: 'await lite.fsck()',
  'remove and prune': 'await copy.remove(); await lite.prune()',
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  /** Processor time of a whole event, in microseconds. */
  readonly tdur?: number
  readonly args: { readonly name?: string }
}

export async function benchPageBlocked(): Promise<Table> {
  const site = await Site.open(await findGuest())
  const executablePath = process.env['BOXLITE_CHROMIUM'] || '/usr/bin/chromium'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    const page = await browser.newPage()
    await page.goto(site.url)
    await page.evaluate("import('./package.js')")
    const rows: string[][] = []
    for (const [name, program] of Object.entries(steps)) {
      const longestMs = await longestTask(browser, page, program)
      rows.push([name, ms(longestMs), verdict(longestMs, TARGET_MS)])
    }
    return {
      title: 'How long a page is kept busy',
      text: `The longest task of the page's main thread in each step, as processor time. Target: at most ${TARGET_MS} ms. One run.`,
      head: ['step', 'longest task', 'target'],
      rows,
    }
  } finally {
    await browser.close()
    await site.close()
  }
}

/** The longest task of a page's main thread while it runs `program`, in milliseconds. */
async function longestTask(browser: Browser, page: Page, program: string): Promise<number> {
  await browser.startTracing(page, { categories: ['toplevel'] })
  await page.evaluate(`(async () => { ${program} })()`)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { readonly traceEvents: readonly TraceEvent[] }
  const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}:${tid}`
  const main = new Set(traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(threadOf))
  const tasks = traceEvents.filter((event) => event.ph === 'X' && event.name.endsWith('RunTask') && main.has(threadOf(event)))
  if (tasks.length === 0) throw new Error('the trace has no task of the page')
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000
}
