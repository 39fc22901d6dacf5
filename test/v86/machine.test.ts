// The two sides of a machine of the emulator, without a thread between them: what a guest says that never stops, and its end.
import { describe, expect, it } from 'vitest'
import { loadEmulator } from '../../hosts/node/v86/load-emulator.ts'
import type { MachineThread } from '../../hosts/v86/host.ts'
import { V86Machine } from '../../hosts/v86/machine.ts'
import { CONSOLE_WINDOW_BYTES, type FromThread, type ToThread } from '../../hosts/v86/protocol.ts'
import { MachineServer } from '../../hosts/v86/serve-machine.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { BoxLiteError } from '../../src/error.ts'

const ROUNDS = 8
const ROUND_BYTES = 0xffff

/** A ROM that says eight times 65,535 letters, as fast as it can, then a last one, and halts. */
function loudRom(): ArrayBuffer {
  const rom = new Uint8Array(65_536)
  const code = [
    ...[0xba, 0xf8, 0x03], // mov dx, 0x3f8
    ...[0xbb, ROUNDS, 0x00], // mov bx, ROUNDS
    ...[0xb9, 0xff, 0xff], // round: mov cx, 0xffff
    ...[0xb0, 0x61, 0xee], // letter: mov al, 'a'; out dx, al
    ...[0xe2, 0xfb], // loop letter
    ...[0x4b, 0x75, 0xf5], // dec bx; jnz round
    ...[0xb0, 0x7a, 0xee], // mov al, 'z'; out dx, al
    ...[0xfa, 0xf4], // cli; hlt
  ]
  rom.set(code, 0)
  rom.set([0xea, 0, 0, 0, 0xf0], rom.length - 16)
  return rom.buffer
}

/** Runs the ROM; what its owner got of its console, who hears it or has no time for it. */
async function listen(hears: boolean): Promise<Buffer> {
  const said: Uint8Array[] = []
  let send: (message: ToThread) => void = () => undefined
  const { module } = await loadEmulator()
  await new Promise<void>((resolve, reject) => {
    const post = (message: FromThread): void => {
      if (message.kind === 'console') {
        said.push(message.bytes)
        if (hears) queueMicrotask(() => send({ kind: 'heard', count: message.bytes.length }))
      }
      if (message.kind === 'failure' || message.kind === 'crashed') reject(new Error(JSON.stringify(message)))
      if (message.kind === 'answer' && message.id === 1) send({ kind: 'call', id: 2, name: 'launch', given: null })
      if (message.kind === 'ended') resolve()
    }
    const endpoint = { post, receive: (receiver: (message: ToThread) => void) => (send = receiver) }
    const server = new MachineServer(endpoint, { codec: portableCodec, openLayers: () => Promise.reject(new Error('it has no disk')) })
    expect(server).toBeDefined()
    const files = { firmware: loudRom(), commandLine: '' }
    send({ kind: 'call', id: 1, name: 'prepare', given: { module, files, memoryMib: 1, serial: '' } })
  })
  return Buffer.concat(said)
}

describe('a guest that never stops to talk', () => {
  it('is heard in full by an owner who has time', async () => {
    const said = await listen(true)
    expect([said.length, said.at(-1)]).toEqual([ROUNDS * ROUND_BYTES + 1, 'z'.charCodeAt(0)])
  })

  it('fills no more than a window of one who has not, who still gets its last words', async () => {
    const said = await listen(false)
    expect(said.length).toBeLessThanOrEqual(CONSOLE_WINDOW_BYTES + 4096)
    expect(said.at(-1)).toBe('z'.charCodeAt(0))
  })
})

describe('a machine whose thread has ended', () => {
  it('has ended, also where its sign of life cannot be taken back; and what its console says is taken', async () => {
    const posted: ToThread[] = []
    let receive: (message: FromThread) => void = () => undefined
    let end: (error: Error | null) => void = () => undefined
    const ended = new Promise<Error | null>((resolve) => (end = resolve))
    const thread: MachineThread = {
      endpoint: { post: (message) => void posted.push(message), receive: (receiver) => (receive = receiver) },
      ended,
      terminate: async () => end(null),
    }
    const identity = { pid: 1, startTime: '1', bootId: 'b', nonce: 'v86-jit-0', detached: false }
    const machine = new V86Machine(thread, identity, () => Promise.reject(new BoxLiteError('io', 'injected')))
    receive({ kind: 'console', bytes: new TextEncoder().encode('a word') })
    expect(posted).toEqual([{ kind: 'heard', count: 6 }])
    await machine.kill()
    expect(await machine.exit).toMatchObject({ reason: 'killed', console: 'a word' })
  })
})
