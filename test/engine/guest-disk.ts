// A home with the disk of one box for the conformance suite's part without an agent, and what can be told from it; on every host.
import { createImage } from '../../src/disk/create.ts'
import { Disk } from '../../src/disk/disk.ts'
import type { GuestFiles, Machine, MachineSpec } from '../../src/engine.ts'
import type { Store } from '../../src/host.ts'

const DISK_BYTES = 1024 * 1024
const FIRST_SECTOR = 8
const SECTORS = 64

/** How the guest works: for so many rounds, or for ever with 0; between them it does nothing for `delay` turns of a loop. */
export interface GuestWork {
  readonly rounds?: number
  readonly delay?: number
}

/** The disk of one box: a frozen base, and overlays that are made as a test asks for them. */
export class GuestDisk {
  readonly store: Store
  readonly base: string
  readonly boxId = newLayerId()
  readonly #remove: () => Promise<void>

  /** In a store with such a base; `remove` removes what the store leaves. */
  constructor(store: Store, base: string, remove: () => Promise<void>) {
    this.store = store
    this.base = base
    this.#remove = remove
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
  async bytes(layer: string): Promise<Uint8Array> {
    const file = await this.store.openLayer(layer, 'read')
    try {
      const bytes = new Uint8Array(await file.size())
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
    await this.#remove()
  }
}

/** Writes the base of such a disk; its name. */
export async function writeBase(store: Store, { rounds = 0, delay = 0 }: GuestWork): Promise<string> {
  const base = `${newLayerId()}.raw`
  const file = await store.createLayer(base)
  const program = new DataView(new ArrayBuffer(DISK_BYTES))
  for (const [index, letter] of [...'BOXL'].entries()) program.setUint8(index, letter.charCodeAt(0))
  program.setUint32(4, rounds, true)
  program.setUint32(8, delay, true)
  await file.write(new Uint8Array(program.buffer), 0)
  await file.sync()
  await file.close()
  return base
}

/** Waits until the guest has said that a round after `after` is done; the number of the last one it has told of. */
export async function nextRound(machine: Machine, after = 0): Promise<number> {
  let said = ''
  for await (const bytes of machine.console({ follow: true })) {
    said += latin1(bytes)
    if (/x[0-9a-f]{8}\r?\n/.test(said)) throw new Error(`the guest failed: ${said.slice(-40)}`)
    const last = lastSaid(said)
    if (last > after) return last
  }
  throw new Error(`the machine ended: ${said.slice(-200)}`)
}

/** Bytes as characters, one each. */
export const latin1 = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** The last round that a console has told of in full. */
export function lastSaid(console: string): number {
  return Math.max(0, ...[...console.matchAll(/w([0-9a-f]{8})\r?\n/g)].map((match) => parseInt(match[1]!, 16)))
}

export function newLayerId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What an engine is given beside the ROM of such a guest. */
export const noGuestFiles: GuestFiles = { location: '', kernel: '', initrd: '', firmware: '', commandLine: '' }
