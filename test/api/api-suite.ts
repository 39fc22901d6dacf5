// The public API on a real machine, the same for every engine: what api.md promises, done and looked at from inside the guest.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import type { EngineName } from '../../src/engine.ts'
import { runOnce } from '../../src/run.ts'
import { describeWhere } from '../describe-where.ts'

/** Small enough to start quickly, large enough for both engines. */
export const SMALL = { image: 'base', memoryMib: 128, diskSizeGb: 0.25 } as const

export async function textOf(box: Box, path: string): Promise<string> {
  return (await box.exec('cat', [path]).orThrow()).stdout
}

export async function put(box: Box, path: string, text: string): Promise<void> {
  await box.exec('sh', ['-c', `printf %s "$1" > "$0"; sync`, path, text]).orThrow()
}

async function* of(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

/** A home of a test's own. */
export interface TestHome {
  open(): Promise<BoxLite>
  remove(): Promise<void>
}

export function describeApi(engine: EngineName, where: string, whyNot: string | null, makeHome: (engine: EngineName) => Promise<TestHome>): void {
  describeWhere(whyNot, `the public API on ${engine}, ${where}`, () => {
    let home: TestHome
    let lite: BoxLite
    let box: Box

    beforeAll(async () => {
      home = await makeHome(engine)
      lite = await home.open()
      box = await lite.create({ name: 'web', ...SMALL })
    })
    afterAll(async () => {
      await lite.close()
      await home.remove()
    })

    it('says which engine runs, and starts a box that is a machine of its own', async () => {
      expect(lite.engine).toMatchObject({ name: engine })
      const { stdout, exitCode } = await box.exec('uname', ['-sm'])
      expect([stdout, exitCode]).toEqual(['Linux i686\n', 0])
      expect(await box.info()).toMatchObject({ state: 'running', image: 'base', machine: { engine }, attention: null })
      expect((await box.exec('hostname')).stdout).toBe('web\n')
      // Its file system has the size of its disk, not that of the image.
      const { diskTotalBytes } = (await box.metrics()).guest!
      expect(diskTotalBytes / 2 ** 30).toBeCloseTo(SMALL.diskSizeGb, 1)
      expect(Math.abs(Number((await box.exec('date', ['+%s'])).stdout) * 1000 - Date.now())).toBeLessThan(60_000)
    })

    it('keeps the disk over a stop and a start, and snapshots it where it does not run', async () => {
      await put(box, '/root/kept', 'over a stop')
      await box.stop()
      expect((await box.info()).state).toBe('stopped')
      expect(await box.snapshot.create('cold')).toMatchObject({ consistency: 'stopped' })
      expect(await textOf(box, '/root/kept')).toBe('over a stop')
      await put(box, '/root/kept', 'changed')
      await box.stop()
      await box.snapshot.restore('cold')
      expect(await textOf(box, '/root/kept')).toBe('over a stop')
      await box.snapshot.remove('cold')
    })

    it('is the same box for whoever asks for it by its name', async () => {
      const asked = await lite.getOrCreate({ name: 'web', ...SMALL })
      expect([asked.created, asked.box.id, (await lite.get('web'))?.id]).toEqual([false, box.id, box.id])
      expect(await lite.list()).toEqual([expect.objectContaining({ id: box.id, name: 'web', state: 'running' })])
    })

    it('runs one command in a box that is gone afterwards', async () => {
      const { image, ...small } = SMALL
      const ran = await runOnce(() => home.open(), 'cat; echo $((6 * 7)); exit 3', { image, ...small, stdin: 'given\n' })
      expect(ran).toMatchObject({ stdout: 'given\n42\n', exitCode: 3 })
      expect((await lite.list()).map(({ id }) => id)).toEqual([box.id])
    })

    it('has no network: what would need one is told so at once', async () => {
      const { stderr, exitCode } = await box.exec('wget', ['-q', '-O', '-', 'http://192.0.2.1/'])
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('Network is unreachable')])
      const refusal = { code: 'unsupported', message: expect.stringContaining('network') as string }
      await expect(lite.create({ ...SMALL, network: {} } as object)).rejects.toMatchObject(refusal)
    })

    it('runs with the environment, directory and user of the box, and those of the call before them', async () => {
      const own = await lite.create({ ...SMALL, env: { A: '1', B: '2' }, workingDir: '/tmp', user: '65534:65534', autoRemove: true })
      const { stdout } = await own.exec('sh', ['-c', 'echo $A $B $(pwd) $(id -u)'], { env: { B: '3' } })
      expect(stdout).toBe('1 3 /tmp 65534\n')
      expect((await own.exec('id', ['-u'], { user: 'root' })).stdout).toBe('0\n')
      await own.stop()
      expect(await lite.get(own.id)).toBeNull()
    })

    it('snapshots a running box, wrecks it and restores it', async () => {
      await put(box, '/root/state', 'clean')
      expect(await box.snapshot.create('clean')).toMatchObject({ name: 'clean', consistency: 'frozen' })
      await box.exec('rm', ['-rf', '/etc', '/root/state']).orThrow()
      expect((await box.exec('ls', ['/etc'])).exitCode).not.toBe(0)
      await box.snapshot.restore('clean', { restart: true, keepCurrent: 'wrecked' })
      expect(await textOf(box, '/root/state')).toBe('clean')
      expect((await box.exec('ls', ['/etc'])).exitCode).toBe(0)
      expect((await box.snapshot.list()).map(({ name }) => name).sort()).toEqual(['clean', 'wrecked'])
      expect(await box.snapshot.get('clean')).toMatchObject({ name: 'clean', boxId: box.id, virtualSizeBytes: 2 ** 30 * SMALL.diskSizeGb })
    })

    it('clones a running box; both go on, each for itself', async () => {
      const copy = await box.clone({ name: 'copy' })
      const draw = async (one: Box): Promise<string> => (await one.exec('cat', ['/proc/sys/kernel/random/uuid']).orThrow()).stdout
      expect(await draw(copy)).not.toBe(await draw(box))
      await put(box, '/root/state', 'mine')
      expect(await textOf(copy, '/root/state')).toBe('clean')
      expect((await copy.exec('hostname')).stdout).toBe('copy\n')
      await copy.remove({ force: true })
      expect(await textOf(box, '/root/state')).toBe('mine')
    })

    it('exports a running box as it is, and imports it with its snapshots', async () => {
      const chunks: Uint8Array[] = []
      for await (const chunk of box.export()) chunks.push(chunk.slice())
      const other = await lite.import(of(chunks), { name: 'other' })
      expect(await textOf(other, '/root/state')).toBe('mine')
      await other.snapshot.restore('clean', { restart: true })
      expect(await textOf(other, '/root/state')).toBe('clean')
      await other.remove({ force: true })
    })

    it('pauses and resumes, and tells of both', async () => {
      const events = box.events()
      await box.pause()
      await expect(box.exec('true')).rejects.toMatchObject({ code: 'invalid_state' })
      await box.resume()
      expect((await box.exec('true')).exitCode).toBe(0)
      for (const state of ['paused', 'running']) expect((await events.next()).value).toMatchObject({ kind: 'state', state, boxId: box.id })
      await events.return!()
    })

    it('runs the program of the box after each start, and shows what the console said', async () => {
      const own = await lite.create({ ...SMALL, entrypoint: ['sh', '-c'], cmd: ['echo started by itself; echo $0 > /root/ran'], autoRemove: true })
      await own.start()
      let logs = ''
      for await (const text of own.logs({ follow: true })) {
        logs += text
        if (logs.includes('started by itself')) break
      }
      expect(logs).toContain('started by itself')
      await own.stop()
    })

    it('is stopped when its guest reboots by itself, and its commands are told', async () => {
      const own = await lite.create(SMALL)
      await own.start()
      const ended = new Promise((resolve) => own.on('ended', ({ exit }) => resolve(exit.reason)))
      await expect(own.exec('sh', ['-c', 'echo b > /proc/sysrq-trigger; sleep 60'])).rejects.toMatchObject({ code: 'io' })
      expect(['reset', 'shutdown']).toContain(await ended)
      expect((await own.info()).state).toBe('stopped')
      await own.remove()
    })

    it('asks the guest to shut down, and has no need to end its machine', async () => {
      const ended = new Promise((resolve) => box.on('ended', ({ exit }) => resolve(exit.reason)))
      await box.stop()
      expect(['reset', 'shutdown']).toContain(await ended)
    })

    it('refuses what the engine cannot give', async () => {
      const { capabilities } = lite.engine
      await expect(lite.create({ ...SMALL, cpus: capabilities.maxCpus + 1 })).rejects.toMatchObject({ code: 'unsupported' })
      if (!capabilities.detach) await expect(lite.create({ ...SMALL, detach: true })).rejects.toMatchObject({ code: 'unsupported' })
    })

    it('leaves a home without damage, and nothing running when it is closed', async () => {
      await lite.close()
      lite = await home.open()
      expect((await lite.list()).map(({ state }) => state)).toEqual(['stopped'])
      const findings = (await lite.fsck()).findings.filter(({ severity }) => severity !== 'leftover')
      expect(findings).toEqual([])
      box = (await lite.get('web'))!
      expect(await textOf(box, '/root/state')).toBe('mine')
    })
  })
}
