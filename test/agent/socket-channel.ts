// A socket as the channel to an agent.
import type { Socket } from 'node:net'
import type { ByteChannel } from '../../src/engine.ts'
import { BoxLiteError } from '../../src/error.ts'

export function socketChannel(socket: Socket): ByteChannel {
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  // What went wrong, the write that met it tells.
  socket.on('error', () => {})
  return {
    closed,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(new BoxLiteError('io', 'The socket is closed', { cause: error })) : resolve()))
      }),
    receive: (receiver) => void socket.on('data', receiver),
    close: () => {
      socket.destroy()
      return closed
    },
  }
}
