// What a thread tells its owner of the agent's channel: all of it, in order, in few messages.
import { describe, expect, it } from 'vitest'
import { ChannelSender } from '../../hosts/v86/channel-sender.ts'
import type { FromThread } from '../../hosts/v86/protocol.ts'

describe('what is said of the channel', () => {
  /** The messages in short, and a sender that makes them. */
  function start(): { readonly said: string[]; readonly sender: ChannelSender } {
    const said: string[] = []
    const post = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void => {
      if (message.kind === 'taken') said.push(`${message.session}: taken ${message.count}`)
      else if (message.kind !== 'bytes') throw new Error(message.kind)
      else {
        expect(transfer).toEqual([message.bytes.buffer])
        said.push(`${message.session}: ${message.bytes.length > 20 ? message.bytes.length : String(Buffer.from(message.bytes))}`)
      }
    }
    const sender = new ChannelSender(post)
    sender.begin(1)
    return { said, sender }
  }
  const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text))
  const goEnds = (): Promise<void> => Promise.resolve()

  it('goes together when it comes in one go', async () => {
    const { said, sender } = start()
    sender.received(bytes('a'))
    sender.delivered(10)
    sender.received(bytes('bc'))
    sender.delivered(5)
    expect(said).toEqual([])
    await goEnds()
    expect(said).toEqual(['1: taken 15', '1: abc'])
    sender.received(bytes('d'))
    await goEnds()
    expect(said.slice(2)).toEqual(['1: d'])
  })

  it('is not gathered without end', async () => {
    const { said, sender } = start()
    for (let i = 0; i < 5; i++) sender.received(new Uint8Array(100_000))
    expect(said).toEqual(['1: 300000'])
    await goEnds()
    expect(said).toEqual(['1: 300000', '1: 200000'])
  })

  it('is told to its own session alone', async () => {
    const { said, sender } = start()
    sender.received(bytes('late'))
    sender.delivered(1)
    sender.begin(2)
    sender.received(bytes('new'))
    await goEnds()
    expect(said).toEqual(['2: new'])
  })
})
