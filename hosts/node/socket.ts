// A listening local socket as a sign of life: the kernel closes it with its process, SIGKILL included.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { fileError } from '../../src/store/file-error.ts'

/** Listens at `path` and answers each caller by `answer`; null when someone listens there. Never keeps the process alive. */
export function listen(path: string, answer: (caller: Socket) => void): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((caller) => {
      caller.unref()
      // A caller that goes away early is no one's concern.
      caller.on('error', () => caller.destroy())
      answer(caller)
    })
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(null)
      else reject(fileError(error.code ?? 'EIO', 'listen at', printable(path), error))
    })
    // `exclusive`: in a worker of node:cluster the primary process would listen instead, and outlive the worker.
    server.listen({ path, exclusive: true }, () => resolve(server))
    server.unref()
  })
}

// ECONNRESET: it was closed, or its process died, with this call in its queue.
const nobody: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET'])

/** Calls whoever listens at `path`; null when nobody does. */
export function call(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path })
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.destroy()
      if (nobody.has(error.code)) resolve(null)
      else reject(fileError(error.code ?? 'EIO', 'call', printable(path), error))
    })
  })
}

/** Whether someone listens at `path`, or so many are calling that someone must. */
export async function isListening(path: string): Promise<boolean> {
  try {
    const socket = await call(path)
    socket?.destroy()
    return socket !== null
  } catch (error) {
    if (isFull(error)) return true
    throw error
  }
}

// A full queue of callers: EAGAIN on Linux, EBUSY for a Windows pipe.
function isFull(error: unknown): boolean {
  const errno = (error as { facts?: { errno?: unknown } }).facts?.errno
  return errno === 'EAGAIN' || errno === 'EBUSY'
}

function printable(path: string): string {
  return path.replace(/^\0/, '@')
}
