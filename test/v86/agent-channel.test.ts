// The owner's end of the channel: bytes in order, a window in each direction, and one end for everybody who waits.
import { describe, expect, it } from 'vitest'
import { AgentChannel } from '../../hosts/v86/agent-channel.ts'
import { CHANNEL_WINDOW_BYTES, type ToThread } from '../../hosts/v86/protocol.ts'
import { isBoxLiteError } from '../../src/error.ts'

function open(): { channel: AgentChannel; sent: ToThread[] } {
  const sent: ToThread[] = []
  const channel = new AgentChannel({ post: (message) => void sent.push(message), receive: () => undefined }, 3)
  return { channel, sent }
}

/** Whether a promise is settled after everything that can happen has happened. */
async function state(promise: Promise<unknown>): Promise<string> {
  const after = new Promise<string>((resolve) => setImmediate(() => resolve('waiting')))
  return Promise.race([promise.then(() => 'done', (error: unknown) => (isBoxLiteError(error) ? error.code : String(error))), after])
}

describe('the channel to the agent', () => {
  it('opens its session, and sends copies of what it is given', async () => {
    const { channel, sent } = open()
    const bytes = Uint8Array.of(1, 2, 3)
    await channel.write(bytes)
    bytes.fill(9)
    expect(sent).toEqual([{ kind: 'open', session: 3 }, { kind: 'bytes', session: 3, bytes: Uint8Array.of(1, 2, 3) }])
  })

  it('lets a writer wait while a window of bytes is on its way', async () => {
    const { channel } = open()
    await channel.write(new Uint8Array(CHANNEL_WINDOW_BYTES - 1))
    const more = channel.write(new Uint8Array(10))
    expect(await state(more)).toBe('waiting')
    channel.taken(9)
    expect(await state(more)).toBe('waiting')
    channel.taken(1)
    expect(await state(more)).toBe('done')
  })

  it('gives what came before there was a receiver, then everything at once, and tells what was taken in portions', () => {
    const { channel, sent } = open()
    channel.came(Uint8Array.of(1))
    const got: number[] = []
    channel.receive((bytes) => got.push(bytes.length))
    channel.came(new Uint8Array(CHANNEL_WINDOW_BYTES / 8 - 2))
    expect(got).toEqual([1, CHANNEL_WINDOW_BYTES / 8 - 2])
    expect(sent).toHaveLength(1)
    channel.came(new Uint8Array(5))
    expect(sent.slice(1)).toEqual([{ kind: 'taken', session: 3, count: CHANNEL_WINDOW_BYTES / 8 + 4 }])
  })

  it('tells nothing of what nobody has taken', () => {
    const { channel, sent } = open()
    channel.came(new Uint8Array(CHANNEL_WINDOW_BYTES))
    expect(sent).toHaveLength(1)
  })

  it('ends for its writers, its receiver and whoever waits for its end', async () => {
    const { channel, sent } = open()
    const got: Uint8Array[] = []
    channel.receive((bytes) => got.push(bytes))
    const waiting = channel.write(new Uint8Array(CHANNEL_WINDOW_BYTES))
    await channel.close()
    await channel.close()
    await channel.closed
    expect(await state(waiting)).toBe('io')
    expect(await state(channel.write(Uint8Array.of(1)))).toBe('io')
    channel.came(Uint8Array.of(1))
    expect(got).toEqual([])
    expect(sent.at(-1)).toEqual({ kind: 'close', session: 3 })
    expect(sent.filter(({ kind }) => kind === 'close')).toHaveLength(1)
  })
})
