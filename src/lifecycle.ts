// The life of a box, read from the core's table (core/lifecycle.ts).

import { BoxAction, BoxState } from './core/abi.ts'
import type { Core } from './core/core.ts'
import { BoxLiteError } from './error.ts'

/** What a box is doing. `created` was never started; `failed` needs a new start. */
export type BoxStateName = 'created' | 'starting' | 'running' | 'paused' | 'stopping' | 'stopped' | 'failed'

/** What can be done with a box, or happens to it. */
export type BoxActionName =
  | 'launch'
  | 'launched'
  | 'pause'
  | 'resume'
  | 'stop'
  | 'ended'
  | 'fail'
  | 'snapshot'
  | 'restore'
  | 'clone'
  | 'export'
  | 'exec'
  | 'remove'

/** Every state, in the core's order. */
export const boxStates = Object.keys(BoxState).map((name) => name.toLowerCase()) as BoxStateName[]
/** Every action, in the core's order. */
export const boxActions = Object.keys(BoxAction).map((name) => name.toLowerCase()) as BoxActionName[]

/** The state that `action` leads to, or null when `state` does not allow it. */
export function nextState(core: Core, state: BoxStateName, action: BoxActionName): BoxStateName | null {
  return boxStates[core.exports.lifecycleNext(boxStates.indexOf(state), boxActions.indexOf(action))] ?? null
}

/** The state that `action` leads to; refuses with `invalid_state` an action that `state` does not allow. */
export function changeState(core: Core, boxId: string, state: BoxStateName, action: BoxActionName): BoxStateName {
  const next = nextState(core, state, action)
  if (next !== null) return next
  const allowed = boxActions.filter((other) => nextState(core, state, other) !== null)
  throw new BoxLiteError('invalid_state', `box '${boxId}' is ${state}, which does not allow: ${action}`, {
    remedy: `A box that is ${state} allows: ${allowed.join(', ')}.`,
    facts: { boxId, state, action, allowed },
  })
}
