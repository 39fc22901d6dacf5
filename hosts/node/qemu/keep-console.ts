// The console of a detached machine, kept in its file by whoever is there. QEMU speaks to one of those who connect, and when that
// one goes, to the next: so somebody writes down what it says as long as anybody is there, and nobody does it twice.

import { sockets } from './arguments.ts'
import { ConsoleFile } from './console-file.ts'
import { connectTo } from './run-directory.ts'

/** Listens until `over`. Where as many wait to listen as can, it is not needed. */
export async function keepConsole(directory: string, over: Promise<void>): Promise<void> {
  const socket = await connectTo(directory, sockets.console)
  if (socket === null) return
  const file = new ConsoleFile(directory)
  socket.on('error', () => socket.destroy())
  socket.on('data', (bytes: Buffer) => file.append(bytes))
  // QEMU then hangs up. What a machine that ended said last is still in the socket, and is read first.
  void over.then(() => socket.end())
  socket.unref()
}
