// What the agent does to the machine that it owns, under each engine: one boot each.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import type { AgentSession } from '../../src/agent/session.ts'
import type { Machine } from '../../src/engine.ts'
import { startExec } from '../../src/exec/exec.ts'
import { whyNoBox } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { errorCode } from '../error-code.ts'
import { LinuxHome, sh, speak } from './linux-home.ts'

const GIB = 2 ** 30

for (const engine of [new QemuEngine(), createV86Engine()]) {
  describeWhere(await whyNoBox(engine), `the agent under ${engine.name}`, () => {
    let home: LinuxHome
    let machine: Machine
    let session: AgentSession

    beforeAll(async () => {
      home = await LinuxHome.make()
      const disk = [await home.overlay(home.base, 2 * GIB), home.base]
      machine = await (await engine.prepare(await home.spec(disk, 'boxlite.thaw_after=1'))).launch()
      session = await speak(machine)
    })
    afterAll(async () => {
      await machine.kill()
      await home.remove()
    })

    it('has grown the file system to the size of its disk', async () => {
      const { diskTotalBytes } = await session.metrics()
      expect(diskTotalBytes).toBeGreaterThan(1.9 * GIB)
      expect(diskTotalBytes).toBeLessThanOrEqual(2 * GIB)
    })

    it('sets the clock and the host name', async () => {
      await session.setClock(BigInt(Date.UTC(2031, 5, 6, 7)) * 1_000_000n)
      expect(await sh(session, 'date -u "+%Y-%m-%d %H"')).toBe('2031-06-06 07')
      await session.setHostname('called-otherwise')
      expect(await sh(session, 'hostname; cat /proc/sys/kernel/hostname')).toBe('called-otherwise\ncalled-otherwise')
    })

    it('takes entropy, and no more of it at once than its pool holds', async () => {
      await session.addEntropy(new Uint8Array(512).fill(7))
      // The same bytes twice give other numbers: they are mixed in.
      const draw = 'head -c 16 /dev/urandom | od -An -tx1'
      const first = await sh(session, draw)
      await session.addEntropy(new Uint8Array(512).fill(7))
      expect(await sh(session, draw)).not.toBe(first)
    })

    it('freezes the file system, and thaws it by itself when its time is over', async () => {
      expect(await session.freeze()).toBe(1)
      // Nobody thaws it: the writer waits until the agent does.
      expect(await sh(session, 'echo written >/frozen && cat /frozen')).toBe('written')
      expect(await session.thaw()).toBe(false)
    })

    it('answers whoever comes after a session has ended, and has killed what that one ran', async () => {
      const left = startExec(async () => session, 'sleep', ['100000'])
      const lost = errorCode(left)
      expect(await sh(session, 'until pidof sleep >/dev/null; do :; done; pidof sleep | wc -w')).toBe('1')
      await session.close()
      expect(await lost).toBe('invalid_state')
      for (let round = 0; round < 3; round++) {
        session = await speak(machine)
        expect(await sh(session, 'while pidof sleep >/dev/null; do :; done; hostname')).toBe('called-otherwise')
        if (round < 2) await session.close()
      }
    })
  })
}
