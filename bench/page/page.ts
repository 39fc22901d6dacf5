// The page of the benchmarks: functions that are called by name.

import { BoxLite, type Box } from '../../hosts/browser/index.ts'
import type { PageCalls } from '../page-calls.ts'
import { untilPrompt } from './until-prompt.ts'

const settings = { name: 'bench', image: 'base', memoryMib: 128, diskSizeGb: 1 } as const

class BenchPage implements PageCalls {
  #lite: BoxLite | null = null
  #box: Box | null = null
  #bare: Worker | null = null

  async visit(): Promise<number> {
    this.#lite = await BoxLite.open({ assets: new URL('guest/', location.href) })
    this.#box = (await this.#lite.getOrCreate(settings)).box
    await untilPrompt(this.#box.shell())
    return performance.now()
  }

  async visitBare(): Promise<number> {
    await this.#tellBare('prompt')
    return performance.now()
  }

  async execs(count: number): Promise<number[]> {
    return times(count, async () => void (await this.#open.exec('true').orThrow()))
  }

  async keys(count: number): Promise<number[]> {
    const shell = this.#open.shell({ size: { columns: 2 * count, rows: 24 } })
    const reader = await untilPrompt(shell)
    const writer = shell.stdin.getWriter()
    const measured = await times(count, async () => {
      await writer.write('x')
      for (let said = ''; !said.includes('x'); said += (await reader.read()).value ?? '') continue
    })
    await shell.kill('SIGKILL')
    return measured
  }

  async script(script: string): Promise<number> {
    return time(async () => void (await this.#open.exec('sh', ['-c', script]).orThrow()))
  }

  async bareScript(script: string): Promise<number> {
    return time(() => this.#tellBare(script))
  }

  async snapshots(size: '1 MiB' | '1 GiB', count: number): Promise<{ create: number[]; restore: number[] }> {
    const box = size === '1 GiB' ? this.#open : await this.#lite!.create({ diskSizeGb: 2 ** -10 })
    await box.stop()
    let taken = 0
    const create = await times(count, async () => void (await box.snapshot.create(`s${taken++}`)))
    let restored = 0
    const restore = await times(count, async () => void (await box.snapshot.restore(`s${restored++}`)))
    return { create, restore }
  }

  async #tellBare(what: string): Promise<void> {
    this.#bare ??= new Worker('bare.js', { type: 'module' })
    const bare = this.#bare
    const once = { once: true } as const
    const failed = new Promise<never>((_, reject) => bare.addEventListener('error', ({ message }) => reject(new Error(message)), once))
    const answered = new Promise<void>((resolve) => bare.addEventListener('message', () => resolve(), once))
    bare.postMessage(what, [])
    await Promise.race([answered, failed])
  }

  get #open(): Box {
    if (this.#box === null) throw new Error('The page has no box yet')
    return this.#box
  }
}

async function times(count: number, work: () => Promise<void>): Promise<number[]> {
  const measured: number[] = []
  for (let index = 0; index < count; index++) measured.push(await time(work))
  return measured
}

async function time(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

Object.assign(globalThis, { bench: new BenchPage() satisfies PageCalls })
