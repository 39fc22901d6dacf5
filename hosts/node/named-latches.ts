// Latches as socket names that the kernel itself keeps: abstract sockets on Linux, named pipes on Windows. Taking
// one is listening there; there is no file, nothing is left over, and the name is free the moment its owner dies.

import { createHash } from 'node:crypto'
import type { Latches } from '../../src/store/latch-locks.ts'
import { isListening, listen } from './socket.ts'

/** `home` is what makes the home itself: its latches are in nobody else's way. Names stay under 100 bytes. */
export function createNamedLatches(home: string): Latches {
  const prefix = process.platform === 'win32' ? '\\\\.\\pipe\\boxlite.' : '\0boxlite.'
  const address = (name: string): string => prefix + latchHash(home, name)
  return {
    async take(name) {
      const server = await listen(address(name), (caller) => caller.destroy())
      if (server === null) return null
      return {
        async release() {
          // The name is free when this returns; callers that are still connected hold nothing.
          server.close()
        },
      }
    },
    isTaken: (name) => isListening(address(name)),
  }
}

export function latchHash(home: string, name: string): string {
  return createHash('sha256').update(`${home}\n${name}`).digest('hex').slice(0, 40)
}
