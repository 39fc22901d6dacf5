import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll } from 'vitest'
import type { GuestFiles, Machine, PreparedMachine } from '../../src/engine.ts'
import { GuestHome, noGuestFiles, writeDiskGuest } from './disk-guest.ts'

/** A box's home and its disk: an empty overlay on the guest's orders. */
export interface Place {
  readonly place: GuestHome
  readonly disk: string[]
}

export interface DiskGuestUser {
  /** Of the suite. */
  readonly directory: string
  /** The guest as a BIOS image. */
  readonly rom: string
  /** What an engine is given to run it. */
  readonly guest: GuestFiles
  home(options?: Parameters<typeof GuestHome.make>[0]): Promise<Place>
  launch(prepared: PreparedMachine): Promise<Machine>
  /** Has a machine that was found killed as well. */
  own(machine: Machine): void
}

/** Gives a suite the disk guest, and its tests homes and machines, which are gone after each. */
export function useDiskGuest(): DiskGuestUser {
  const homes: GuestHome[] = []
  const machines: Machine[] = []
  let directory = ''
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-disk-guest-'))
    await writeDiskGuest(join(directory, 'disk.rom'))
  })
  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.kill()
    for (const place of homes.splice(0)) await place.remove()
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))
  const rom = (): string => join(directory, 'disk.rom')
  return {
    get directory() {
      return directory
    },
    get rom() {
      return rom()
    },
    get guest() {
      return { ...noGuestFiles, firmware: rom() }
    },
    async home(options) {
      const place = await GuestHome.make(options)
      homes.push(place)
      return { place, disk: [await place.overlay(place.base), place.base] }
    },
    async launch(prepared) {
      const machine = await prepared.launch()
      machines.push(machine)
      return machine
    },
    own: (machine) => void machines.push(machine),
  }
}
