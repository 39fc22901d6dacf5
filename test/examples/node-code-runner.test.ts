// The code runner, as a client sees it, and its turns.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { whyNoBox } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { runExample, type Example } from './run-example.ts'
// @ts-expect-error: an example, which has no types.
import { Turns } from '../../examples/node-code-runner/turns.mjs'

interface TurnsOf {
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>
  close(): Promise<void>
}

type Work = (name: string, signal?: AbortSignal) => Promise<string>

describe('turns', () => {
  const staying = new AbortController().signal
  /** Turns, and work that ends when it is told to. */
  const make = (options: object): { turns: TurnsOf; log: string[]; work: Work; end: (name: string) => void } => {
    const log: string[] = []
    const ends = new Map<string, () => void>()
    const rest = async (): Promise<void> => void log.push('rest')
    const turns = new Turns({ atOnce: 2, waiting: 2, restEvery: 100, rest, ...options }) as TurnsOf
    const work: Work = (name, signal = staying) =>
      turns.run(async () => {
        log.push(name)
        await new Promise<void>((resolve) => ends.set(name, resolve))
        return name
      }, signal)
    return { turns, log, work, end: (name) => ends.get(name)!() }
  }
  const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

  it('let so many run and so many wait, in their order, and turn the others away', async () => {
    const { log, work, end } = make({})
    const all = ['a', 'b', 'c', 'd'].map((name) => work(name))
    await expect(work('e')).rejects.toThrow('Too many others are waiting')
    expect(log).toEqual(['a', 'b'])
    end('b')
    expect(await all[1]).toBe('b')
    await soon()
    expect(log).toEqual(['a', 'b', 'c'])
    for (const name of ['a', 'c']) end(name)
    await soon()
    end('d')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('rest when nobody runs, also while others wait', async () => {
    const { log, work, end } = make({ restEvery: 1 })
    const all = ['a', 'b', 'c'].map((name) => work(name))
    await soon()
    end('a')
    await soon()
    expect(log).toEqual(['a', 'b'])
    end('b')
    await soon()
    expect(log).toEqual(['a', 'b', 'rest', 'c'])
    end('c')
    await Promise.all(all)
  })

  it('end when those that run have ended; one that fails gives its turn back', async () => {
    const { turns, work, end } = make({ atOnce: 1 })
    await expect(turns.run(() => Promise.reject(new Error('failed')), staying)).rejects.toThrow('failed')
    const running = work('a')
    const waiting = work('b').catch(String)
    let closed = false
    const closing = turns.close().then(() => (closed = true))
    expect(await waiting).toContain('shutting down')
    await expect(work('c')).rejects.toThrow('shutting down')
    await soon()
    expect(closed).toBe(false)
    end('a')
    expect(await running).toBe('a')
    await closing
  })

  it('let go of whoever gives up waiting, and have its place for another', async () => {
    const { log, work, end } = make({ atOnce: 1, waiting: 1 })
    const running = work('a')
    const gone = new AbortController()
    const waiting = work('b', gone.signal)
    gone.abort(new Error('hung up'))
    await expect(waiting).rejects.toThrow('hung up')
    const next = work('c')
    await soon()
    end('a')
    expect(await running).toBe('a')
    await soon()
    end('c')
    expect(await next).toBe('c')
    expect(log).toEqual(['a', 'c'])
  })

  it('end after the rest that is under way', async () => {
    let wake = (): void => {}
    const rest = (): Promise<void> => new Promise((resolve) => (wake = resolve))
    const { turns, work, end } = make({ restEvery: 1, rest })
    const running = work('a')
    await soon()
    end('a')
    await soon()
    let closed = false
    const closing = turns.close().then(() => (closed = true))
    await soon()
    expect(closed).toBe(false)
    wake()
    await closing
    expect(await running).toBe('a')
  })
})

it('the code runner says which number it does not take, before it prepares anything', async () => {
  const example = runExample('node-code-runner/server.mjs', ['--machines=0', '--home=/nowhere'], '/nowhere')
  expect(await example.ended).toBe(64)
  expect(example.said()).toBe("--machines is a whole number from 1 on, not '0'\n")
})

describeWhere(await whyNoBox(new QemuEngine(), 'python'), 'the code runner', () => {
  let folder: string
  let server: Example
  let address: string

  const start = async (...args: string[]): Promise<void> => {
    server = runExample('node-code-runner/server.mjs', ['--port=0', `--home=${join(folder, 'home')}`, ...args], join(folder, 'unused'))
    address = /at (http:\S+),/.exec(await server.until(/ on qemu\n/))![1]!
  }
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'boxlite-code-runner-'))
    await start('--time-limit-ms=120000', '--machines=1', '--waiting=1')
  })
  afterAll(async () => {
    server.child.kill('SIGKILL')
    await server.ended
    rmSync(folder, { recursive: true })
  })

  const post = (body: string, headers = { 'content-type': 'text/x-python' }): Promise<Response> => fetch(address, { method: 'POST', body, headers })
  const boxes = (): string[] => readdirSync(join(folder, 'home', 'boxes'))

  it('runs a program in a machine of its own, of which nothing stays', async () => {
    const program = 'import os, pathlib\np = pathlib.Path("mine")\nprint(p.exists(), os.getuid())\np.write_text("x")'
    for (const type of ['text/x-python', 'Text/X-Python; charset=utf-8']) {
      const response = await post(program, { 'content-type': type })
      expect(response.status, type).toBe(200)
      expect(await response.json()).toMatchObject({ stdout: 'False 1000\n', stderr: '', exitCode: 0 })
    }
    expect(boxes()).toHaveLength(1)
  })

  it('refuses what is no program', async () => {
    expect((await post('x'.repeat(300_000))).status).toBe(413)
    expect((await post('print(1)', { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await post('print(1)', { 'content-type': 'text/plain;text/x-python' })).status).toBe(415)
    expect((await fetch(address)).headers.get('allow')).toBe('POST')
    expect((await fetch(new URL('/other', address))).status).toBe(404)
  })

  it('turns away whom it has no place for; told to stop, it lets the one that runs end, and leaves no machine', async () => {
    const three = [1, 2, 3].map(() => post('print("to its end")'))
    // Once the third is turned away, one runs and one waits.
    await Promise.any(three.map(async (response) => expect((await response).status).toBe(503)))
    server.child.kill('SIGTERM')
    const responses = await Promise.all(three)
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 503, 503])
    expect(await responses.find(({ status }) => status === 200)!.json()).toMatchObject({ stdout: 'to its end\n' })
    expect(await server.ended).toBe(0)
    expect(boxes()).toHaveLength(1)
  })

  it('takes what is prepared when it is started again, and ends a program in time', async () => {
    const [prepared] = boxes()
    await start('--time-limit-ms=1')
    expect(await (await post('while True: pass')).json()).toMatchObject({ timedOut: true, exitCode: null })
    expect(boxes()).toEqual([prepared])
  })
})
