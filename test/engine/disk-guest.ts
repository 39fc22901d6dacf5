// The guest of the conformance suite's part without an agent: disk-guest.S, its disk, and what can be told from both.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNodeStore } from '../../hosts/node/home.ts'
// The script has no types of its own.
// @ts-expect-error: it is plain JavaScript.
import { assembleRom } from '../../scripts/build-rom.mjs'
import { createImage } from '../../src/disk/create.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { GuestFiles, Machine, MachineSpec } from '../../src/engine.ts'
import type { Store } from '../../src/host.ts'

const DISK_BYTES = 1024 * 1024
const FIRST_SECTOR = 8
const SECTORS = 64

/** A home with the disk of one box: a frozen base, and overlays that are made as a test asks for them. */
export class GuestHome {
  readonly store: Store
  readonly base: string
  readonly boxId = newLayerId()
  readonly #directory: string

  private constructor(store: Store, base: string, directory: string) {
    this.store = store
    this.base = base
    this.#directory = directory
  }

  /** The guest is to work for `rounds` rounds, or for ever with 0; between them it does nothing for `delay` turns of a loop. */
  static async make({ rounds = 0, delay = 0, under = '' }: { rounds?: number; delay?: number; under?: string } = {}): Promise<GuestHome> {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-engine-'))
    const store = await openNodeStore(join(directory, under, 'home'))
    const base = `${newLayerId()}.raw`
    const file = await store.createLayer(base)
    const program = new DataView(new ArrayBuffer(DISK_BYTES))
    for (const [index, letter] of [...'BOXL'].entries()) program.setUint8(index, letter.charCodeAt(0))
    program.setUint32(4, rounds, true)
    program.setUint32(8, delay, true)
    await file.write(new Uint8Array(program.buffer), 0)
    await file.close()
    return new GuestHome(store, base, directory)
  }

  /** A file outside the home, removed with it. */
  path(name: string): string {
    return join(this.#directory, name)
  }

  /** An empty overlay on `backing`. */
  async overlay(backing: string): Promise<string> {
    const name = `${newLayerId()}.qcow2`
    const file = await this.store.createLayer(name)
    await createImage(file, { sizeBytes: DISK_BYTES, backing: { name: backing, format: backing.endsWith('.raw') ? 'raw' : 'qcow2' } })
    await file.sync()
    await file.close()
    return name
  }

  /** The bytes of a layer's file. */
  async bytes(layer: string): Promise<Buffer> {
    const file = await this.store.openLayer(layer, 'read')
    try {
      const bytes = Buffer.alloc(await file.size())
      await file.read(bytes, 0)
      return bytes
    } finally {
      await file.close()
    }
  }

  /** The last round that a disk, given from the top, knows of. */
  async lastRound(disk: readonly string[]): Promise<number> {
    const files = await Promise.all(disk.map((name) => this.store.openLayer(name, 'read')))
    try {
      const layers = disk.map((name, index) => ({ name, format: name.endsWith('.raw') ? ('raw' as const) : ('qcow2' as const), file: files[index]! }))
      const open = await Disk.open(layers)
      const sectors = new Uint8Array(SECTORS * 512)
      await open.read(FIRST_SECTOR * 512, sectors)
      await open.close()
      const view = new DataView(sectors.buffer)
      return Math.max(...Array.from({ length: SECTORS }, (_, index) => view.getUint32(index * 512, true)))
    } finally {
      await Promise.all(files.map((file) => file.close()))
    }
  }

  spec(disk: readonly string[], guest: GuestFiles, more: Partial<MachineSpec> = {}): MachineSpec {
    return { boxId: this.boxId, store: this.store, disk, cpus: 1, memoryMib: 128, guest, detach: false, ...more }
  }

  async remove(): Promise<void> {
    await this.store.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Writes the guest as a BIOS image. */
export async function writeDiskGuest(path: string): Promise<void> {
  const page = assembleRom('test/engine/disk-guest.S', 'disk-guest', '0xff000') as Buffer
  await writeFile(path, Buffer.concat([Buffer.alloc(64 * 1024 - page.length), page]))
}

/** QEMU's arguments with the image in place of a kernel, and `cpu` in place of the processor where one is named. */
export function bootDiskGuest(rom: string, cpu: string | null = null): (args: readonly string[]) => readonly string[] {
  return (args) => {
    const list = [...args]
    for (const option of ['-kernel', '-initrd', '-append']) list.splice(list.indexOf(option), 2)
    if (cpu !== null) list[list.indexOf('-cpu') + 1] = cpu
    return [...list, '-bios', rom]
  }
}

/** What the engine is given for a guest that `bootDiskGuest` puts in. */
export const noGuestFiles: GuestFiles = { location: '', kernel: '', initrd: '', firmware: '', commandLine: '' }

/** Waits until the guest has said that a round after `after` is done; the number of the last one it has told of. */
export async function nextRound(machine: Machine, after = 0): Promise<number> {
  let said = ''
  for await (const bytes of machine.console({ follow: true })) {
    said += Buffer.from(bytes).toString('latin1')
    if (/x[0-9a-f]{8}\r?\n/.test(said)) throw new Error(`the guest failed: ${said.slice(-40)}`)
    const last = lastSaid(said)
    if (last > after) return last
  }
  throw new Error(`the machine ended: ${said.slice(-200)}`)
}

/** The last round that a console has told of in full. */
export function lastSaid(console: string): number {
  return Math.max(0, ...[...console.matchAll(/w([0-9a-f]{8})\r?\n/g)].map((match) => parseInt(match[1]!, 16)))
}

export function newLayerId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
