// The v86 engine with the real guest: what takes a Linux that knows its disk, its channel and its clock.
import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { findGuest } from '../../hosts/node/guest-assets.ts'
import { openNodeStore } from '../../hosts/node/home.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { V86Machine } from '../../hosts/v86/machine.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { createImage } from '../../src/disk/create.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { Machine, MachineSpec } from '../../src/engine.ts'
import { startExec } from '../../src/exec/exec.ts'
import type { Store } from '../../src/host.ts'
import { whyNoGuest } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { newLayerId } from './disk-guest.ts'

const noGuest = await whyNoGuest()
const DISK_BYTES = 512 * 2 ** 20
/** Within which an agent answers: a loaded machine boots for long. */
const BOOT_MS = 120_000

describeWhere(noGuest, 'the v86 engine with the real guest', () => {
  const engine = createV86Engine()
  let directory: string
  let store: Store
  let base: string
  const machines: Machine[] = []

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-v86-guest-'))
    store = await openNodeStore(join(directory, 'home'))
    base = `${newLayerId()}.qcow2`
    await copyFile((await findGuest()).image('base')!.path, join(store.location, 'layers', base))
  })

  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.kill()
  })

  afterAll(async () => {
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })

  const overlay = async (below: string): Promise<string> => {
    const name = `${newLayerId()}.qcow2`
    const file = await store.createLayer(name)
    await createImage(file, { sizeBytes: DISK_BYTES, backing: { name: below, format: 'qcow2' } })
    await file.sync()
    await file.close()
    return name
  }

  const spec = async (disk: readonly string[]): Promise<MachineSpec> => {
    const { directory: location, kernel, initrd, firmware, manifest } = await findGuest()
    const guest = { location, kernel, initrd, firmware, commandLine: manifest.commandLine }
    return { boxId: newLayerId(), store, disk, cpus: 1, memoryMib: 128, guest, detach: false }
  }

  /** Speaks to the agent of a machine. */
  const speak = async (machine: Machine): Promise<AgentSession> => {
    machines.push(machine)
    const { channel, fresh } = await machine.openAgent()
    return AgentSession.open(channel, { fresh, nonce: randomBytes(16), timeoutMs: BOOT_MS })
  }

  const run = async (session: AgentSession, script: string): Promise<string> => {
    const { stdout } = await startExec(async () => session, 'sh', ['-c', script]).orThrow()
    return stdout.trim()
  }

  /** Bytes of data in the top layer, as its tables have it. */
  const dataBytes = async (disk: readonly string[]): Promise<number> => {
    const files = await Promise.all(disk.map((name) => store.openLayer(name, 'read')))
    const opened = await Disk.open(disk.map((name, index) => ({ name, format: 'qcow2' as const, file: files[index]! })))
    let sum = 0
    for await (const { kind, depth, length } of opened.extents(0, opened.sizeBytes)) if (kind === 'data' && depth === 0) sum += length
    await opened.close()
    for (const file of files) await file.close()
    return sum
  }

  it('gives back the space of what the guest deletes and trims', async () => {
    const top = await overlay(base)
    const machine = await (await engine.prepare(await spec([top, base]))).launch()
    const session = await speak(machine)
    expect(await run(session, 'cat /sys/block/vda/queue/discard_granularity; cat /sys/block/vda/queue/write_cache')).toBe('65536\nwrite back')
    await run(session, 'dd if=/dev/urandom of=/big bs=1M count=8 2>/dev/null; sync')
    await machine.flush()
    expect(await dataBytes([top, base])).toBeGreaterThan(8 * 2 ** 20)
    await run(session, 'rm /big; sync; fstrim / && sync')
    await machine.flush()
    expect(await dataBytes([top, base])).toBeLessThan(4 * 2 ** 20)
  })

  it('carries 16 MB to the guest and back unchanged', async () => {
    const session = await speak(await (await engine.prepare(await spec([await overlay(base), base]))).launch())
    const bytes = randomBytes(16 * 2 ** 20)
    const { stdout } = await startExec(async () => session, 'cat', [], { encoding: 'buffer', stdin: bytes, maxOutputBytes: 32 * 2 ** 20 }).orThrow()
    expect(Buffer.from(stdout).equals(bytes)).toBe(true)
  })

  it('restores one state twice, each time with a clock and random numbers of its own once its agent was told', async () => {
    const top = await overlay(base)
    const first = (await (await engine.prepare(await spec([top, base]))).launch()) as V86Machine
    const before = await speak(first)
    await run(before, 'echo kept >/tmp/memory; echo written >/disk; sync')
    await first.pause()
    await first.drain()
    await first.flush()
    const state = await first.save()
    await first.kill()
    const seen: string[] = []
    for (const year of [2031, 2033]) {
      const disk = [await overlay(top), top, base]
      const machine = await (await engine.prepareFrom(await spec(disk), state.slice(0))).launch()
      const session = await speak(machine)
      await session.setClock(BigInt(Date.UTC(year, 5)) * 1_000_000n)
      await session.addEntropy(randomBytes(64))
      expect(await run(session, 'cat /tmp/memory /disk; date +%Y')).toBe(`kept\nwritten\n${year}`)
      seen.push(await run(session, 'cat /proc/sys/kernel/random/uuid; head -c 8 /dev/urandom | od -An -tx1'))
      await machine.kill()
    }
    expect(seen[0]).not.toBe(seen[1])
  })
})
