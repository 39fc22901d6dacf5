// A local socket as the channel to the guest agent.

import type { Socket } from 'node:net'
import type { ByteChannel } from '../../../src/engine.ts'
import { BoxLiteError } from '../../../src/error.ts'

export class SocketChannel implements ByteChannel {
  readonly closed: Promise<void>
  readonly #socket: Socket
  #early: Uint8Array[] = []
  #receiver: ((bytes: Uint8Array) => void) | null = null

  constructor(socket: Socket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    // Every error of a socket is followed by its close, which is all that the other end of a channel needs to know.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      if (this.#receiver === null) this.#early.push(chunk)
      else this.#receiver(chunk)
    })
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (cause) => {
        if (cause === undefined || cause === null) resolve()
        else reject(new BoxLiteError('io', 'The channel to the guest is closed', { cause }))
      })
    })
  }

  receive(receiver: (bytes: Uint8Array) => void): void {
    const early = this.#early
    this.#early = []
    this.#receiver = receiver
    for (const chunk of early) receiver(chunk)
  }

  async close(): Promise<void> {
    this.#socket.destroy()
    await this.closed
  }
}
