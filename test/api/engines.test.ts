// The public API on every engine that Node has, and boxes that go from one to the other.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import { BoxLite, type EngineName } from '../../hosts/node/index.ts'
import { describeWhere } from '../describe-where.ts'
import { describeApi, put, SMALL, textOf } from './api-suite.ts'
import { makeNodeHome } from './node-home.ts'
import { whyNoBox } from './why-no-box.ts'

const noQemu = await whyNoBox(new QemuEngine())
const noV86 = await whyNoBox(createV86Engine())

describeApi('qemu', 'on Node', noQemu, makeNodeHome)
describeApi('v86', 'on Node', noV86, makeNodeHome)

describeWhere(noQemu ?? noV86, 'boxes on two engines', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-engines-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  const within = async <T>(engine: EngineName, use: (lite: BoxLite) => Promise<T>): Promise<T> => {
    const lite = await BoxLite.open({ homeDir: join(directory, 'home'), engine })
    try {
      return await use(lite)
    } finally {
      await lite.close()
    }
  }

  it('go from one to the other and back, disk and snapshots included', async () => {
    await within('qemu', async (lite) => {
      const box = await lite.create({ name: 'traveller', ...SMALL })
      await put(box, '/root/from', 'qemu')
      await box.snapshot.create('in-qemu')
    })
    await within('v86', async (lite) => {
      const box = (await lite.get('traveller'))!
      expect(await textOf(box, '/root/from')).toBe('qemu')
      await put(box, '/root/from', 'v86')
      await box.snapshot.create('in-v86')
      await box.snapshot.restore('in-qemu', { restart: true })
      expect(await textOf(box, '/root/from')).toBe('qemu')
    })
    await within('qemu', async (lite) => {
      const box = (await lite.get('traveller'))!
      await box.snapshot.restore('in-v86', { restart: true })
      expect(await textOf(box, '/root/from')).toBe('v86')
      expect((await lite.fsck()).findings.filter(({ severity }) => severity === 'damage')).toEqual([])
    })
  })

  it('run on the best that works when nobody says which', async () => {
    await using lite = await BoxLite.open({ homeDir: join(directory, 'home') })
    expect(lite.engine).toMatchObject({ name: 'qemu' })
  })
})

describeWhere(noQemu, 'a detached machine of QEMU', () => {
  it('goes on when its home is closed, and is found, snapshotted and stopped by whoever opens it next', async () => {
    const homeDir = await mkdtemp(join(tmpdir(), 'boxlite-detached-'))
    try {
      const first = await BoxLite.open({ homeDir, engine: 'qemu' })
      const made = await first.create({ name: 'web', ...SMALL, detach: true })
      await put(made, '/tmp/only-in-memory', 'alive')
      const pid = (await made.info()).machine!.pid
      await first.close()
      expect(() => process.kill(pid, 0)).not.toThrow()

      const second = await BoxLite.open({ homeDir, engine: 'qemu' })
      const box = (await second.get('web'))!
      expect(await box.snapshot.create('while-away')).toMatchObject({ consistency: 'frozen' })
      expect(await textOf(box, '/tmp/only-in-memory')).toBe('alive')
      expect((await box.info()).machine).toMatchObject({ pid, detached: true })
      await box.stop()
      await second.close()
      expect(() => process.kill(pid, 0)).toThrow()
    } finally {
      await rm(homeDir, { recursive: true })
    }
  })
})
