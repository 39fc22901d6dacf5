import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { boxActions, boxStates, changeState, nextState, type BoxActionName, type BoxStateName } from '../../src/lifecycle.ts'

const core = await Core.create()

/** Every action that a state allows, with the state it leads to. */
function allowed(state: BoxStateName): Partial<Record<BoxActionName, BoxStateName>> {
  return Object.fromEntries(boxActions.flatMap((action) => {
    const next = nextState(core, state, action)
    return next === null ? [] : [[action, next]]
  }))
}

describe('the life of a box', () => {
  it('allows in each state what the table says, and nothing else', () => {
    const still = (state: BoxStateName) => ({ snapshot: state, clone: state, export: state })
    expect(Object.fromEntries(boxStates.map((state) => [state, allowed(state)]))).toEqual({
      created: { launch: 'starting', fail: 'failed', restore: 'created', remove: 'created', ...still('created') },
      starting: { launched: 'running', stop: 'stopping', ended: 'failed', fail: 'failed' },
      running: { pause: 'paused', stop: 'stopping', ended: 'stopped', fail: 'failed', exec: 'running', ...still('running') },
      paused: { resume: 'running', stop: 'stopping', ended: 'stopped', fail: 'failed', ...still('paused') },
      stopping: { ended: 'stopped', fail: 'failed' },
      stopped: { launch: 'starting', fail: 'failed', restore: 'stopped', remove: 'stopped', ...still('stopped') },
      failed: { launch: 'starting', stop: 'stopping', ended: 'stopped', fail: 'failed', restore: 'stopped', remove: 'failed', ...still('failed') },
    })
  })

  it('refuses with what is allowed instead', () => {
    expect(changeState(core, 'b', 'stopped', 'launch')).toBe('starting')
    expect(() => changeState(core, 'b', 'running', 'restore')).toThrow("box 'b' is running, which does not allow: restore")
    expect(() => changeState(core, 'b', 'paused', 'exec')).toThrow(expect.objectContaining({ code: 'invalid_state' }))
  })

  it('knows no state and no action outside the table', () => {
    for (const [state, action] of [[-1, 0], [7, 0], [0, -1], [0, 13], [2 ** 31 - 1, 12]] as const) {
      expect(core.exports.lifecycleNext(state, action)).toBe(-1)
    }
  })
})
