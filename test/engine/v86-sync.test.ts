// A layer that a machine's thread could not sync: the store of its owner knows, and syncs it no more. The thread is played by this
// one, so that its disk can fail.
import { readFile } from 'node:fs/promises'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { loadEmulator } from '../../hosts/node/v86/load-emulator.ts'
import { ownBuffer } from '../../hosts/node/v86/own-buffer.ts'
import { V86Engine } from '../../hosts/v86/engine.ts'
import type { MachineThread } from '../../hosts/v86/host.ts'
import { MachineServer } from '../../hosts/v86/serve-machine.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { LayerFile, Store } from '../../src/host.ts'
import { GuestHome, newLayerId, nextRound, noGuestFiles, writeDiskGuest } from './disk-guest.ts'

let place: GuestHome
afterEach(() => place.remove())

/** The engine, with machines in this very thread, over the layers that `open` opens. */
function engineOver(open: Store['openLayer']): V86Engine {
  return new V86Engine({
    load: loadEmulator,
    startThread: () => thread(open),
    readFile: async (name) => ownBuffer(await readFile(name)),
    identify: async (nonce) => ({ pid: process.pid, startTime: '1', bootId: 'test', nonce, detached: false }),
    newNonce: newLayerId,
    takeLatch: async () => ({ release: async () => undefined }),
    isLatched: async () => false,
    locate: () => 'here',
  })
}

function thread(open: Store['openLayer']): MachineThread {
  const { port1, port2 } = new MessageChannel()
  const end = <In, Out>(port: MessagePort) => ({
    post: (message: Out, transfer: readonly ArrayBuffer[] = []) => port.postMessage(message, transfer),
    receive: (receiver: (message: In) => void) => void port.on('message', receiver),
  })
  const server = new MachineServer(end(port2), { codec: portableCodec, openLayers: async () => open })
  port2.on('messageerror', (error) => server.crash(error))
  const ended = new Promise<null>((resolve) => port1.on('close', () => resolve(null)))
  return {
    endpoint: end(port1),
    ended,
    async terminate() {
      port1.close()
      await ended
    },
  }
}

describe('a layer whose sync fails in a machine’s thread', () => {
  it('is synced by nobody any more, as long as this program lives', async () => {
    place = await GuestHome.make()
    const { store } = place
    const rom = place.path('disk.rom')
    await writeDiskGuest(rom)
    const top = await place.overlay(place.base)
    let broken = false
    let tellFailure = (): void => undefined
    const failed = new Promise<void>((resolve) => (tellFailure = resolve))
    const engine = engineOver(async (name, mode) => {
      const file = await store.openLayer(name, mode)
      const failing: LayerFile = Object.create(file, {
        sync: {
          async value() {
            if (!broken) return
            tellFailure()
            throw new BoxLiteError('io', 'EIO: the device is gone')
          },
        },
      }) as LayerFile
      return failing
    })
    const machine = await (await engine.prepare(place.spec([top, place.base], { ...noGuestFiles, firmware: rom }))).launch()
    await nextRound(machine)
    const sync = async (): Promise<void> => {
      const file = await store.openLayer(top, 'write')
      await file.sync().finally(() => file.close())
    }
    await sync()
    // The guest flushes on and on.
    broken = true
    await failed
    // A device that works again has forgotten what it lost.
    broken = false
    await machine.pause()
    const refusal = { code: 'io', message: expect.stringContaining('could not be made durable once') as string }
    await expect(sync()).rejects.toMatchObject(refusal)
    await expect(machine.flush()).rejects.toMatchObject({ code: 'io' })
    await machine.kill()
  })
})
