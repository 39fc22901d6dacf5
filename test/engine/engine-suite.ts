// What every engine promises, written once and run on each: the part that needs no agent in its guest. The guest is
// disk-guest.S, which writes its disk and tells of it.
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { VISITOR_PORTS, type ByteChannel, type Engine, type GuestFiles, type Machine, type MachineSpec } from '../../src/engine.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { errorCode } from '../error-code.ts'
import { sameBytes } from '../same-bytes.ts'
import { type GuestDisk, type GuestWork, lastSaid, latin1, newLayerId, nextRound } from './guest-disk.ts'

/** An engine with the disk guest and homes for its disks, or a sentence that says why there is none here. */
export type Subject = { readonly engine: Engine; readonly guest: GuestFiles; makeHome(work?: GuestWork): Promise<GuestDisk> } | string

/** How often the guest must be caught in the middle of its work. */
const SWITCHES = 5

export function engineSuite(name: string, subject: () => Promise<Subject>): void {
  describe(`the engine ${name}`, () => {
    let made: Subject
    const homes: GuestDisk[] = []
    const machines: Machine[] = []

    beforeAll(async () => {
      made = await subject()
    })

    afterEach(async () => {
      for (const machine of machines.splice(0)) await machine.kill()
      for (const home of homes.splice(0)) await home.remove()
    })

    const home = async (work?: GuestWork): Promise<GuestDisk> => {
      if (typeof made === 'string') throw new Error(made)
      const one = await made.makeHome(work)
      homes.push(one)
      return one
    }

    const start = async (engine: Engine, spec: MachineSpec): Promise<Machine> => {
      const machine = await (await engine.prepare(spec)).launch()
      machines.push(machine)
      return machine
    }

    const check = (sentence: string, test: (subject: Exclude<Subject, string>) => Promise<void>): void => {
      it(sentence, async (context) => {
        if (typeof made === 'string') return context.skip(made)
        await test(made)
      })
    }

    check('writes into the top layer alone, and what the guest flushed is there', async ({ engine, guest }) => {
      const place = await home()
      const before = await place.bytes(place.base)
      const top = await place.overlay(place.base)
      const machine = await start(engine, place.spec([top, place.base], guest))
      const round = await nextRound(machine, 9)
      await machine.kill()
      // Not flushed by anyone but the guest: what it said was done is on the disk.
      expect(await place.lastRound([top, place.base])).toBeGreaterThanOrEqual(round)
      expect(sameBytes(await place.bytes(place.base), before)).toBe(true)
    })

    check('stops the guest at a pause and lets it go on after it', async ({ engine, guest }) => {
      const place = await home()
      const top = await place.overlay(place.base)
      const machine = await start(engine, place.spec([top, place.base], guest))
      await nextRound(machine)
      expect(await machine.status()).toEqual({ state: 'running', open: top })
      await machine.pause()
      await machine.drain()
      await machine.flush()
      const stopped = await place.bytes(top)
      // Nothing for one that is paused; and time for a guest that runs after all.
      await machine.pause()
      await machine.flush()
      expect(await machine.status()).toEqual({ state: 'paused', open: top })
      expect(sameBytes(await place.bytes(top), stopped)).toBe(true)
      const round = await place.lastRound([top, place.base])
      await machine.resume()
      await machine.resume()
      expect(await nextRound(machine, round)).toBeGreaterThan(round)
    })

    check('goes on in a new layer after a switch, and never touches the old one again', async ({ engine, guest }) => {
      const place = await home()
      let disk = [await place.overlay(place.base), place.base]
      const machine = await start(engine, place.spec(disk, guest))
      const frozen: { layer: string; bytes: Uint8Array }[] = []
      let round = 0
      for (let count = 0; count < SWITCHES; count++) {
        round = await nextRound(machine, round)
        const top = await place.overlay(disk[0]!)
        // Known ahead or not.
        if (count % 2 === 0) await machine.expect?.(top)
        await machine.pause()
        await machine.drain()
        await machine.flush()
        round = await place.lastRound(disk)
        frozen.push({ layer: disk[0]!, bytes: await place.bytes(disk[0]!) })
        await machine.switchTo(top)
        expect(await machine.status()).toEqual({ state: 'paused', open: top })
        disk = [top, ...disk]
        await machine.resume()
      }
      round = await nextRound(machine, round)
      await machine.pause()
      await machine.flush()
      expect(await place.lastRound(disk)).toBeGreaterThanOrEqual(round)
      await machine.kill()
      for (const { layer, bytes } of frozen) expect(sameBytes(await place.bytes(layer), bytes)).toBe(true)
    })

    check('does not switch a guest that runs', async ({ engine, guest }) => {
      const place = await home()
      const disk = [await place.overlay(place.base), place.base]
      const machine = await start(engine, place.spec(disk, guest))
      const top = await place.overlay(disk[0]!)
      expect(await errorCode(machine.switchTo(top))).toBe('invalid_state')
      expect(await machine.status()).toEqual({ state: 'running', open: disk[0] })
    })

    check('says that the guest rebooted, and what it said last', async ({ engine, guest }) => {
      const place = await home({ rounds: 7 })
      const disk = [await place.overlay(place.base), place.base]
      const machine = await start(engine, place.spec(disk, guest))
      const exit = await machine.exit
      expect(exit).toMatchObject({ reason: 'reset' })
      expect(exit.console).toMatch(/w00000007\nz$/)
      expect(await place.lastRound(disk)).toBe(7)
      expect(await engine.find(place.boxId, place.store, machine.identity)).toBeNull()
    })

    check('ends a machine at once, for good', async ({ engine, guest }) => {
      const place = await home()
      const disk = [await place.overlay(place.base), place.base]
      const machine = await start(engine, place.spec(disk, guest))
      await nextRound(machine)
      await machine.kill()
      expect(await machine.exit).toMatchObject({ reason: 'killed' })
      const ended = await place.bytes(disk[0]!)
      expect(await engine.find(place.boxId, place.store, machine.identity)).toBeNull()
      await engine.end(place.boxId, place.store, machine.identity)
      // A second time is nothing.
      await machine.kill()
      expect(sameBytes(await place.bytes(disk[0]!), ended)).toBe(true)
      expect(await errorCode(machine.status())).toMatch(/^(?:invalid_state|io)$/)
      expect(await errorCode(machine.openAgent())).toBe('invalid_state')
    })

    check('gives the console from its beginning, and ends with the machine', async ({ engine, guest }) => {
      const place = await home({ rounds: 20 })
      const disk = [await place.overlay(place.base), place.base]
      const machine = await start(engine, place.spec(disk, guest))
      let said = ''
      for await (const bytes of machine.console({ follow: true })) said += latin1(bytes)
      expect(said.replaceAll('\r', '')).toMatch(/^w00000001\nw00000002\n/)
      expect(lastSaid(said)).toBe(20)
      await machine.exit
    })

    check('has an identity before it opens the disk, and goes without a trace when it is abandoned', async ({ engine, guest }) => {
      const place = await home()
      const disk = [await place.overlay(place.base), place.base]
      const before = await place.bytes(disk[0]!)
      const prepared = await engine.prepare(place.spec(disk, guest))
      expect(prepared.identity).toMatchObject({ nonce: expect.stringMatching(new RegExp(`^${engine.name}-`)), detached: false })
      await prepared.abandon()
      expect(await engine.find(place.boxId, place.store, prepared.identity)).toBeNull()
      expect(sameBytes(await place.bytes(disk[0]!), before)).toBe(true)
    })

    check('fails to start with a reason, and leaves nothing running', async ({ engine, guest }) => {
      const place = await home()
      const missing = `${newLayerId()}.qcow2`
      const prepared = await engine.prepare(place.spec([missing, place.base], guest))
      const error = await prepared.launch().then(() => null, (cause: unknown) => cause)
      expect(isBoxLiteError(error) && error.facts).toHaveProperty('console')
      expect(String(error)).toContain(missing)
      expect(await engine.find(place.boxId, place.store, prepared.identity)).toBeNull()
    })

    check('refuses what it cannot give', async ({ engine, guest }) => {
      const place = await home()
      const { capabilities } = await engine.probe()
      const disk = [await place.overlay(place.base), place.base]
      for (const more of [
        { cpus: capabilities.maxCpus + 1 },
        { memoryMib: capabilities.maxMemoryMib + 1 },
        { memoryMib: capabilities.minMemoryMib - 1 },
        ...(capabilities.detach ? [] : [{ detach: true }]),
      ]) {
        expect(await errorCode(engine.prepare(place.spec(disk, guest, more)))).toBe('unsupported')
      }
    })

    check('has one channel to the agent at a time, and knows whether it was used', async ({ engine, guest }) => {
      const place = await home()
      const machine = await start(engine, place.spec([await place.overlay(place.base), place.base], guest))
      const { channel, fresh } = await machine.openAgent()
      expect(fresh).toBe(true)
      expect(await errorCode(machine.openAgent())).toBe('busy')
      await channel.close()
      await channel.closed
      expect(await errorCode(channel.write(new Uint8Array(1)))).toBe('io')
      const again = await machine.openAgent()
      expect(again.fresh).toBe(false)
      await machine.kill()
      await again.channel.closed
    })

    check('has a port for each who comes to a detached machine, beside its owner, and tells that it lives', async ({ engine, guest }) => {
      const place = await home()
      const { detach } = (await engine.probe()).capabilities
      const machine = await start(engine, place.spec([await place.overlay(place.base), place.base], guest, { detach }))
      const visit = (port: number): Promise<ByteChannel | null> => engine.visit(place.boxId, place.store, machine.identity, port)
      const other = { ...machine.identity, nonce: `${machine.identity.nonce}0`, startTime: '1' }
      expect([await engine.lives(machine.identity), await engine.lives(other)]).toEqual([true, false])
      if (detach) {
        const owner = (await machine.openAgent()).channel
        const channels = await Promise.all(Array.from({ length: VISITOR_PORTS }, (_, index) => visit(index + 1)))
        for (const channel of channels) await channel!.write(new Uint8Array(16))
        expect(await engine.visit(place.boxId, place.store, other, 1)).toBeNull()
        await channels[0]!.close()
        // What others do at their ports ends nothing at this one; the end of the machine ends them all.
        await owner.write(new Uint8Array(16))
        await machine.kill()
        await Promise.all([...channels, owner].map((channel) => channel!.closed))
        expect(await visit(2)).toBeNull()
      } else {
        expect(await errorCode(visit(1))).toBe('unsupported')
        await machine.kill()
      }
      expect(await engine.lives(machine.identity)).toBe(false)
    })

    check('leaves a detached machine to whoever comes next, or refuses to detach one', async ({ engine, guest }) => {
      const place = await home()
      const disk = [await place.overlay(place.base), place.base]
      if (!(await engine.probe()).capabilities.detach) {
        expect(await errorCode(engine.prepare(place.spec(disk, guest, { detach: true })))).toBe('unsupported')
        return
      }
      const first = await start(engine, place.spec(disk, guest, { detach: true }))
      const round = await nextRound(first)
      const top = await place.overlay(disk[0]!)
      // As an owner leaves it that dies before the switch.
      await first.expect?.(top)
      await first.release()
      const second = await engine.find(place.boxId, place.store, first.identity)
      expect(second).not.toBeNull()
      machines.push(second!)
      expect(second!.accelerator).toBe(first.accelerator)
      expect(await nextRound(second!, round)).toBeGreaterThan(round)
      await second!.pause()
      await second!.flush()
      await second!.switchTo(top)
      await second!.flush()
      await second!.resume()
      expect(await second!.status()).toEqual({ state: 'running', open: top })
      expect((await second!.openAgent()).fresh).toBe(false)
      await engine.end(place.boxId, place.store, first.identity)
      expect(await second!.exit).toMatchObject({ reason: 'crashed' })
      expect(await engine.find(place.boxId, place.store, first.identity)).toBeNull()
    })
  })
}
