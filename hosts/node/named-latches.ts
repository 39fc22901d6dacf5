// Latches as socket names that the kernel itself keeps: abstract sockets on Linux, named pipes on Windows. Taking
// one is listening there; there is no file, nothing is left over, and the name is free the moment its owner dies.

import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Latches } from '../../src/store/latch-locks.ts'
import { answers, HELD, listen, SOON } from './socket.ts'

// All of sockaddr_un.sun_path. An abstract name has no end but its length, and Node 20 pads a shorter one with zeros
// while later Nodes do not: two Nodes would lock past each other. A longer one is cut silently, or refused.
const ABSTRACT_NAME_BYTES = 108

/** `home` is what makes the home itself: its latches are in nobody else's way. */
export function createNamedLatches(home: string): Latches {
  const address = process.platform === 'win32' ? pipeName : abstractName
  return {
    async take(name, answer = () => 'stays') {
      const waiting = new Set<Socket>()
      const server = await listen(address(home, name), (caller, own) => {
        switch (answer()) {
          case 'stays':
            caller.end(HELD)
            break
          case 'soon':
            waiting.add(caller)
            caller.once('close', () => waiting.delete(caller))
            caller.write(SOON)
            break
          case 'goes':
            own.close()
            caller.destroy()
        }
      })
      if (server === null) return null
      return {
        async release() {
          // The name is free when this returns; callers that are still connected hold nothing.
          server.close()
          for (const caller of waiting) caller.destroy()
        },
      }
    },
    isTaken: (name) => answers(address(home, name), (said) => said.includes(HELD)),
  }
}

/** A latch's own name among all latches of all homes: hexadecimal digits, at most 128. */
export function latchHash(home: string, name: string, digits: number): string {
  return createHash('sha512').update(`${home}\n${name}`).digest('hex').slice(0, digits)
}

function abstractName(home: string, name: string): string {
  const prefix = '\0boxlite.'
  return prefix + latchHash(home, name, ABSTRACT_NAME_BYTES - prefix.length)
}

function pipeName(home: string, name: string): string {
  return `\\\\.\\pipe\\boxlite.${latchHash(home, name, 64)}`
}
