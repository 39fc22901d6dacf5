// What is kept of a console: its end, in whatever pieces it came.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConsoleLog } from '../../src/console-log.ts'

const KEPT_BYTES = 256 * 1024

async function all(log: ConsoleLog): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const bytes of log.read(false)) chunks.push(bytes)
  return Buffer.concat(chunks)
}

describe("a console's log", () => {
  it('keeps the end of what was said, and no more than a block beside that', async () => {
    const piece = fc.record({ bytes: fc.integer({ min: 0, max: 200_000 }), times: fc.integer({ min: 1, max: 3 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const log = new ConsoleLog()
        const said: Buffer[] = []
        for (const { bytes, times } of pieces) {
          for (let time = 0; time < times; time++) {
            const part = Buffer.from(Array.from({ length: bytes }, (_, index) => (index * 7 + said.length) % 251))
            said.push(part)
            log.append(part)
          }
        }
        const whole = Buffer.concat(said)
        const kept = await all(log)
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(whole.length, KEPT_BYTES))
        expect(kept.length).toBeLessThan(KEPT_BYTES + 4096)
        expect(kept.equals(whole.subarray(whole.length - kept.length))).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it('gives a reader who follows each byte once, and its end', async () => {
    const log = new ConsoleLog()
    const reading = (async () => {
      let text = ''
      for await (const bytes of log.read(true)) text += Buffer.from(bytes).toString('latin1')
      return text
    })()
    for (let line = 0; line < 3000; line++) {
      for (const byte of Buffer.from(`${line}\n`)) log.append(new Uint8Array([byte]))
      if (line % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    log.end()
    expect(await reading).toBe(Array.from({ length: 3000 }, (_, line) => `${line}\n`).join(''))
  })

  it('has the last lines for an error', () => {
    const log = new ConsoleLog()
    expect(log.tail()).toBe('')
    for (let line = 0; line < 100; line++) log.append(Buffer.from(`line ${line}\r\n`))
    expect(log.tail().split('\n')).toEqual(Array.from({ length: 40 }, (_, index) => `line ${index + 60}`))
  })
})
