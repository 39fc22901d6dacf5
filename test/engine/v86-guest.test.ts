// The v86 engine with the real guest: what takes a Linux that knows its disk, its channel and its clock.
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { V86Machine } from '../../hosts/v86/machine.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { Machine, PreparedMachine } from '../../src/engine.ts'
import { startExec } from '../../src/exec/exec.ts'
import { whyNoGuest } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { LinuxHome, sh, speak } from './linux-home.ts'

describeWhere(await whyNoGuest(), 'the v86 engine with the real guest', () => {
  const engine = createV86Engine()
  let home: LinuxHome
  const machines: Machine[] = []

  beforeAll(async () => {
    home = await LinuxHome.make()
  })

  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.kill()
  })

  afterAll(() => home.remove())

  const launched = async <M extends Machine>(prepared: PreparedMachine): Promise<M> => {
    const machine = await prepared.launch()
    machines.push(machine)
    return machine as M
  }

  /** Bytes of data in the top layer, as its tables have it. */
  const dataBytes = async (disk: readonly string[]): Promise<number> => {
    const files = await Promise.all(disk.map((name) => home.store.openLayer(name, 'read')))
    const opened = await Disk.open(disk.map((name, index) => ({ name, format: 'qcow2' as const, file: files[index]! })))
    let sum = 0
    for await (const { kind, depth, length } of opened.extents(0, opened.sizeBytes)) if (kind === 'data' && depth === 0) sum += length
    await opened.close()
    for (const file of files) await file.close()
    return sum
  }

  it('gives back the space of what the guest deletes and trims', async () => {
    const top = await home.overlay(home.base)
    const machine = await launched(await engine.prepare(await home.spec([top, home.base])))
    const session = await speak(machine)
    expect(await sh(session, 'cat /sys/block/vda/queue/discard_granularity; cat /sys/block/vda/queue/write_cache')).toBe('65536\nwrite back')
    await sh(session, 'dd if=/dev/urandom of=/big bs=1M count=8 2>/dev/null; sync')
    await machine.flush()
    expect(await dataBytes([top, home.base])).toBeGreaterThan(8 * 2 ** 20)
    await sh(session, 'rm /big; sync; fstrim / && sync')
    await machine.flush()
    expect(await dataBytes([top, home.base])).toBeLessThan(4 * 2 ** 20)
  })

  it('carries 16 MB to the guest and back unchanged', async () => {
    const session = await speak(await launched(await engine.prepare(await home.spec([await home.overlay(home.base), home.base]))))
    const bytes = randomBytes(16 * 2 ** 20)
    const { stdout } = await startExec(async () => session, 'cat', [], { encoding: 'buffer', stdin: bytes, maxOutputBytes: 32 * 2 ** 20 }).orThrow()
    expect(Buffer.from(stdout).equals(bytes)).toBe(true)
  })

  it('restores one state twice, each time with a clock and random numbers of its own once its agent was told', async () => {
    const top = await home.overlay(home.base)
    const first = await launched<V86Machine>(await engine.prepare(await home.spec([top, home.base])))
    const before = await speak(first)
    await sh(before, 'echo kept >/tmp/memory; echo written >/disk; sync')
    await first.pause()
    await first.drain()
    await first.flush()
    const state = await first.save()
    await first.kill()
    const seen: string[] = []
    for (const year of [2031, 2033]) {
      const disk = [await home.overlay(top), top, home.base]
      const machine = await launched(await engine.prepareFrom(await home.spec(disk), state.slice(0)))
      const session = await speak(machine)
      await session.setClock(BigInt(Date.UTC(year, 5)) * 1_000_000n)
      await session.addEntropy(randomBytes(64))
      expect(await sh(session, 'cat /tmp/memory /disk; date +%Y')).toBe(`kept\nwritten\n${year}`)
      seen.push(await sh(session, 'cat /proc/sys/kernel/random/uuid; head -c 8 /dev/urandom | od -An -tx1'))
      await machine.kill()
    }
    expect(seen[0]).not.toBe(seen[1])
  })
})
