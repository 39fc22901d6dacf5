// The QEMU engine under the accelerators that this machine has, with a guest of its own.
import { constants } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import type { QemuAccelerator } from '../../hosts/node/qemu/arguments.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { engineSuite, type Subject } from './engine-suite.ts'
import { bootDiskGuest, GuestHome, noGuestFiles, writeDiskGuest } from './disk-guest.ts'

let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'boxlite-qemu-'))
})

afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

/** The engine with the disk guest in place of a kernel, and `cpu` in place of the processor where one is named. */
async function withDiskGuest(accelerator: QemuAccelerator, cpu: string | null): Promise<Subject> {
  const rom = join(directory, `${accelerator}.rom`)
  await writeDiskGuest(rom)
  const engine = new QemuEngine({ cacheFile: join(directory, 'probe.json'), accelerator, edit: bootDiskGuest(rom, cpu) })
  const { accelerator: works, refused } = await engine.probe()
  if (works === null) return refused.map(({ reason }) => reason).join(' ')
  return { engine, guest: { ...noGuestFiles, firmware: rom }, makeHome: (work) => GuestHome.make(work) }
}

engineSuite('QEMU with TCG', () => withDiskGuest('tcg', null))

engineSuite('QEMU with KVM', async () => {
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return 'this user cannot open /dev/kvm'
  }
  // Some hosts refuse one register of the full model; the probe then turns KVM down, and this program of a few hundred
  // instructions needs no more than the rest.
  return withDiskGuest('kvm', 'host,-arch-capabilities')
})
