// The thread behind a machine of the v86 engine: what it leaves behind, how it fails, and whose it is.
import { readdir, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { readKeptConsole } from '../../hosts/node/qemu/read-console.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { V86Machine } from '../../hosts/v86/machine.ts'
import type { Machine } from '../../src/engine.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { Child } from '../node/child.ts'
import { errorCode } from '../error-code.ts'
import { type GuestHome, nextRound } from './disk-guest.ts'
import { useDiskGuest } from './use-disk-guest.ts'

describe('the thread of a machine', () => {
  const engine = createV86Engine()
  const user = useDiskGuest()
  const children: Child[] = []

  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill()
  })

  const start = async (place: GuestHome, disk: readonly string[], files = user.guest): Promise<Machine> =>
    user.launch(await engine.prepare(place.spec(disk, files)))

  const owner = async (place: GuestHome, disk: readonly string[], kill: boolean): Promise<{ child: Child; identity: MachineRecord }> => {
    const child = new Child('v86-owner.mjs', JSON.stringify({ home: place.store.location, disk, boxId: place.boxId, rom: user.rom, kill }))
    children.push(child)
    const line = await child.line()
    if (line === null) throw new Error(`the owner failed: ${await child.end()}`)
    return { child, identity: JSON.parse(line) as MachineRecord }
  }

  /** Files of the home's layers that this process has open; null where that cannot be told. */
  const openLayers = async (place: GuestHome): Promise<string[] | null> => {
    if (process.platform !== 'linux') return null
    const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''))
    return (await Promise.all(links)).filter((path) => path.startsWith(`${place.store.location}/layers/`))
  }

  it('says what the console said when the emulator fails', async () => {
    const { place, disk } = await user.home()
    const fatal = join(user.directory, 'fatal.rom')
    await writeFile(fatal, tripleFault('gone'))
    const machine = await start(place, disk, { ...user.guest, firmware: fatal })
    const exit = await machine.exit
    expect(exit).toMatchObject({ reason: 'crashed', console: 'gone' })
    expect(exit.detail).toContain('RuntimeError')
    expect(await engine.find(place.boxId, place.store, machine.identity)).toBeNull()
  })

  it('has its files open while it runs, and leaves none behind, whatever it was doing', async (context) => {
    const { place, disk } = await user.home()
    if ((await openLayers(place)) === null) return context.skip('there is no /proc here')
    for (let round = 0; round < 3; round++) {
      const machine = await start(place, disk)
      await nextRound(machine, round * 2)
      expect(await openLayers(place)).toHaveLength(2)
      await machine.kill()
      expect(await openLayers(place)).toEqual([])
    }
  })

  it('is found by the program that it runs in, as the machine it is', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place, disk)
    expect(await createV86Engine().find(place.boxId, place.store, machine.identity)).toBe(machine)
    await createV86Engine().end(place.boxId, place.store, machine.identity)
    expect(await machine.exit).toMatchObject({ reason: 'killed' })
  })

  it('is not taken from another program, and gone when that program is', async () => {
    const { place, disk } = await user.home()
    const { child, identity } = await owner(place, disk, false)
    expect(identity).toMatchObject({ pid: child.process.pid, nonce: expect.stringMatching(/^v86-jit-[0-9a-f]{32}$/), detached: false })
    const find = (): Promise<Machine | null> => engine.find(place.boxId, place.store, identity)
    expect(await errorCode(find())).toBe('timeout')
    expect(await errorCode(engine.end(place.boxId, place.store, identity))).toBe('busy')
    await child.kill()
    expect(await find()).toBeNull()
    await engine.end(place.boxId, place.store, identity)
  })

  it('keeps no program from ending once its machine has', async () => {
    const { place, disk } = await user.home()
    const { child } = await owner(place, disk, true)
    expect(await child.end()).toBe('')
    expect(child.process.exitCode).toBe(0)
  })

  it('goes on from a saved state, on the disk as it was, with another host', async () => {
    const { place, disk } = await user.home()
    const first = (await start(place, disk)) as V86Machine
    const { channel } = await first.openAgent()
    await nextRound(first, 3)
    await first.pause()
    await first.drain()
    await first.flush()
    const round = await place.lastRound(disk)
    const state = await first.save()
    await channel.close()
    await first.kill()
    const prepared = await engine.prepareFrom(place.spec(disk, user.guest), state)
    const second = await user.launch(prepared)
    expect((await second.openAgent()).fresh).toBe(false)
    // It begins no new count: the state is in the middle of a round.
    expect(await nextRound(second, round)).toBeGreaterThan(round)
    const said: string[] = []
    for await (const bytes of second.console()) said.push(Buffer.from(bytes).toString())
    expect(said.join('')).not.toContain('w00000001')
  })

  it('refuses a state that is none', async () => {
    const { place, disk } = await user.home()
    const prepared = await engine.prepareFrom(place.spec(disk, user.guest), new ArrayBuffer(4096))
    expect(await errorCode(prepared.launch())).toBe('corrupt')
  })

  it('has its console kept in the home, for other programs, until the next machine of its box', async () => {
    const { place, disk } = await user.home()
    const said = async (): Promise<string> => {
      let text = ''
      for await (const bytes of readKeptConsole(place.store, place.boxId, async () => true)) text += Buffer.from(bytes).toString('latin1')
      return text
    }
    const machine = await user.launch(await engine.prepare(place.spec(disk, user.guest)))
    await nextRound(machine, 3)
    await vi.waitFor(async () => expect(await said()).toMatch(/^w00000001\r?\nw00000002/), { timeout: 60_000 })
    await machine.kill()
    expect(await said()).toContain('w00000003')
    const prepared = await engine.prepare(place.spec(disk, user.guest))
    expect(await said()).toBe('')
    await prepared.abandon()
  })

  it('says why it did not start when the emulator cannot even be made', async () => {
    const { place, disk } = await user.home()
    const kernel = join(user.directory, 'kernel')
    await writeFile(kernel, 'no kernel')
    const prepared = await engine.prepare(place.spec(disk, { ...user.guest, kernel }))
    const error = await prepared.launch().then(() => null, (cause: unknown) => cause)
    expect(isBoxLiteError(error, 'engine_unavailable') && error.message).toMatch(/^The machine did not start: The emulator failed: /)
    expect(await engine.find(place.boxId, place.store, prepared.identity)).toBeNull()
  })

  it('does not start where the guest has no room', async () => {
    const { place, disk } = await user.home()
    const initrd = join(user.directory, 'initrd')
    await writeFile(initrd, new Uint8Array(40 * 2 ** 20))
    const prepared = engine.prepare({ ...place.spec(disk, { ...user.guest, initrd }), memoryMib: 96 })
    expect(await errorCode(prepared)).toBe('unsupported')
  })
})

/** A ROM that says a word and brings the processor into a state that it cannot go on from. */
function tripleFault(word: string): Uint8Array {
  const rom = new Uint8Array(65_536)
  const says = [...word].flatMap((character) => [0xb0, character.charCodeAt(0), 0xee])
  // mov dx, 0x3f8; for each character: mov al, character; out dx, al
  rom.set([0xba, 0xf8, 0x03, ...says])
  // cli; lgdt cs:[0x140]; enter protected mode; jmp 8:0x160, with the flat segments of the table at 0x148
  const enter = [0xfa, 0x2e, 0x0f, 0x01, 0x16, 0x40, 0x01, 0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0xea, 0x60, 0x01, 0x08, 0x00]
  rom.set(enter, 3 + says.length)
  rom.set([23, 0, 0x48, 0x01, 0x0f, 0x00], 0x140)
  rom.set([0xff, 0xff, 0, 0, 0x0f, 0x9b, 0xcf, 0, 0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0], 0x150)
  // lidt of an empty table; int3
  rom.set([0x0f, 0x01, 0x1d, 0x80, 0x01, 0x0f, 0x00, 0xcc], 0x160)
  rom.set([0xea, 0, 0, 0, 0xf0], 65_520)
  return rom
}
