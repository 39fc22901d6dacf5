// A listening local socket as a sign of life: the kernel closes it with its process, SIGKILL included.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { fileError } from '../../src/store/file-error.ts'

/** What an owner says to a caller: it has the latch and keeps it; or it keeps it, but not for long. One that goes says nothing. */
export const HELD = 'h'
export const SOON = 's'

/** Listens at `path` and answers each caller by `answer`; null when someone listens there. Never keeps the process alive. */
export function listen(path: string, answer: (caller: Socket, server: Server) => void): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((caller) => {
      caller.unref()
      // A caller that goes away early is no one's concern.
      caller.on('error', () => caller.destroy())
      // Nothing that it says is of interest but its end.
      caller.resume()
      answer(caller, server)
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

function call(path: string): Promise<Socket | null> {
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

/**
 * Calls whoever listens at `path`: true at the first word that `settles` it, or where no such word comes in time; false when
 * nobody is there. A call that ends without a word proves nothing (an owner that is out of descriptors takes and drops it),
 * so it is made again.
 */
export async function answers(path: string, settles: (said: string) => boolean): Promise<boolean> {
  for (let calls = 0; calls < CALLS; calls++) {
    try {
      const socket = await call(path)
      if (socket === null) return false
      if (await hears(socket, settles)) return true
    } catch (error) {
      if (isFull(error)) return true
      throw error
    }
  }
  return true
}

const CALLS = 3
// An owner that is stopped says nothing, and one that said 'soon' may be long. To take silence for a refusal is always safe.
const PATIENCE_MS = 2000

function hears(socket: Socket, settles: (said: string) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const patience = setTimeout(() => end(true), PATIENCE_MS)
    const end = (heard: boolean): void => {
      clearTimeout(patience)
      resolve(heard)
      socket.destroy()
    }
    socket.setEncoding('latin1')
    socket.on('data', (said: string) => {
      if (settles(said)) end(true)
    })
    // An end that is not orderly is the other's end all the same.
    socket.on('error', () => end(false))
    socket.once('close', () => end(false))
  })
}

// A full queue of callers, so that someone must be there: EAGAIN on Linux, EBUSY for a Windows pipe.
function isFull(error: unknown): boolean {
  const errno = (error as { facts?: { errno?: unknown } }).facts?.errno
  return errno === 'EAGAIN' || errno === 'EBUSY'
}

function printable(path: string): string {
  return path.replace(/^\0/, '@')
}
