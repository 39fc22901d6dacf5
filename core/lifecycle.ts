// The life of a box, as data: which action each state allows, and where it leads.
//
//   created ──launch──> starting ──launched──> running <──pause/resume──> paused
//      stopped ─launch─^    │                    │ └────────────────────────┤
//      failed ──launch─^    └──────── stop ──> stopping <─────── stop ──────┘
//                                                │ ended
//                                                v
//                                             stopped          fail leads to failed from everywhere

import { BoxAction, BoxState } from './lifecycle-abi'

const STATES: i32 = BoxState.FAILED + 1
const ACTIONS: i32 = BoxAction.REMOVE + 1

/** No: the action is not allowed. */
const N: u8 = 0xff

// A row a state, a column an action, in the order of their numbers; the cell is the state that follows.
const table = memory.data<u8>([
  // launch launched pause resume stop ended fail snapshot restore clone export exec remove
  1, N, N, N, N, N, 6, 0, 0, 0, 0, N, 0, // created
  N, 2, N, N, 4, 6, 6, N, N, N, N, N, N, // starting
  N, N, 3, N, 4, 5, 6, 2, N, 2, 2, 2, N, // running
  N, N, N, 2, 4, 5, 6, 3, N, 3, 3, N, N, // paused
  N, N, N, N, N, 5, 6, N, N, N, N, N, N, // stopping
  1, N, N, N, N, N, 6, 5, 5, 5, 5, N, 5, // stopped
  1, N, N, N, 4, 5, 6, 6, 5, 6, 6, N, 6, // failed
])

/** The state that an action leads to, or -1 when the state does not allow it. */
export function lifecycleNext(state: i32, action: i32): i32 {
  if (state < 0 || state >= STATES || action < 0 || action >= ACTIONS) return -1
  const next = load<u8>(table + state * ACTIONS + action)
  return next == N ? -1 : <i32>next
}
