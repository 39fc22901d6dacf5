// Requests that touch the same bytes, of which one writes, are never on their way together and keep their order; all
// others never wait.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestOrder, type Turn } from '../../hosts/v86/request-order.ts'

const request = fc.record({ start: fc.nat(20), length: fc.integer({ min: 1, max: 8 }), isWrite: fc.boolean() })
const step = fc.oneof(request.map((asked) => ({ asked })), fc.nat(30).map((end) => ({ end })))

interface Running {
  readonly start: number
  readonly length: number
  readonly isWrite: boolean
  readonly turn: Turn
  begun: boolean
  ended: boolean
}

const conflict = (a: Running, b: Running): boolean =>
  (a.isWrite || b.isWrite) && a.start < b.start + b.length && b.start < a.start + a.length

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

describe('the order of requests', () => {
  it('holds back exactly those that must wait', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const order = new RequestOrder()
        const all: Running[] = []
        for (const one of steps) {
          if ('asked' in one) {
            const { start, length, isWrite } = one.asked
            const turn = order.enter(start, start + length, isWrite)
            const running: Running = { start, length, isWrite, turn, begun: turn.ready === null, ended: false }
            void turn.ready?.then(() => (running.begun = true))
            all.push(running)
          } else {
            const able = all.filter(({ begun, ended }) => begun && !ended)
            const chosen = able[one.end % Math.max(1, able.length)]
            if (chosen !== undefined) {
              chosen.ended = true
              chosen.turn.end()
            }
          }
          await settled()
          for (const [index, running] of all.entries()) {
            const mustWait = all.slice(0, index).some((earlier) => !earlier.ended && conflict(earlier, running))
            expect(running.begun).toBe(!mustWait)
          }
        }
      }),
      { numRuns: 200 },
    )
  })

  it('is idle when the last one has ended, also when others came meanwhile', async () => {
    const order = new RequestOrder()
    await order.idle()
    const first = order.enter(0, 1, true)
    let isIdle = false
    void order.idle().then(() => (isIdle = true))
    const second = order.enter(0, 1, true)
    first.end()
    await settled()
    expect(isIdle).toBe(false)
    second.end()
    await settled()
    expect(isIdle).toBe(true)
  })
})
