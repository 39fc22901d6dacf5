// The guest of the conformance suite's part without an agent, on Node: disk-guest.S, and a home in a directory.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNodeStore } from '../../hosts/node/home.ts'
// The script has no types of its own.
// @ts-expect-error: it is plain JavaScript.
import { assembleRom } from '../../scripts/build-rom.mjs'
import type { Store } from '../../src/host.ts'
import { GuestDisk, writeBase, type GuestWork } from './guest-disk.ts'

export { newLayerId, nextRound, noGuestFiles } from './guest-disk.ts'

/** A home in a directory of its own, with such a disk. */
export class GuestHome extends GuestDisk {
  readonly #directory: string

  private constructor(store: Store, base: string, directory: string) {
    super(store, base, () => rm(directory, { recursive: true, force: true }))
    this.#directory = directory
  }

  static async make({ under = '', ...work }: GuestWork & { readonly under?: string } = {}): Promise<GuestHome> {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-engine-'))
    const store = await openNodeStore(join(directory, under, 'home'))
    return new GuestHome(store, await writeBase(store, work), directory)
  }

  /** A file outside the home, removed with it. */
  path(name: string): string {
    return join(this.#directory, name)
  }
}

/** The guest as a BIOS image. */
export function diskGuest(): Uint8Array {
  const page = assembleRom('test/engine/disk-guest.S', 'disk-guest', '0xff000') as Buffer
  return Buffer.concat([Buffer.alloc(64 * 1024 - page.length), page])
}

/** Writes the guest as a BIOS image. */
export async function writeDiskGuest(path: string): Promise<void> {
  await writeFile(path, diskGuest())
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
