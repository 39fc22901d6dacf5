// How a box comes from one tab to another that wants it.
//
//   taker                              owner
//   "ask" ---------------------------> flushes and stops the box
//         <--------------------------- "heard", at once
//   waits for the lock, in its queue   lets go of the lock
//
// An owner that does not say "heard" is taken for one that cannot: its tab is frozen or hangs. Then its lock is stolen, and so it
// is where the stop takes too long. What such an owner still writes fails, by the epoch.

import type { TabLock, TabLocks } from './tab-locks.ts'

export interface TakeOverOptions {
  /** How long the owner may be silent, in milliseconds; by default 5 s. */
  readonly silenceMs?: number
  /** How long an owner that answered may take to stop the box, in milliseconds; by default 30 s. */
  readonly stopMs?: number
}

interface Message {
  readonly kind: 'ask' | 'heard'
  readonly boxId: string
}

const SILENCE_MS = 5_000
const STOP_MS = 30_000

const channelOf = (database: string): BroadcastChannel => new BroadcastChannel(`boxlite:${database}`)
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has one origin
const say = (channel: BroadcastChannel, message: Message): void => channel.postMessage(message)

/** Takes the lock of a box, by asking its owner for it first. */
export async function takeOver(database: string, locks: TabLocks, boxId: string, options: TakeOverOptions = {}): Promise<TabLock> {
  const { silenceMs = SILENCE_MS, stopMs = STOP_MS } = options
  const free = await locks.takeBox(boxId, { ifAvailable: true })
  if (free !== null) return free
  const channel = channelOf(database)
  const patience = new AbortController()
  let timer = setTimeout(() => patience.abort(), silenceMs)
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind !== 'heard' || data.boxId !== boxId) return
    clearTimeout(timer)
    timer = setTimeout(() => patience.abort(), stopMs)
  })
  try {
    say(channel, { kind: 'ask', boxId })
    return (await locks.takeBox(boxId, { signal: patience.signal })) ?? (await locks.takeBox(boxId, { steal: true }))!
  } finally {
    clearTimeout(timer)
    channel.close()
  }
}

/** Answers other tabs that ask for boxes of this one, until the function that it returns is called. `giveUp` stops a box. */
export function answerTakers(database: string, locks: TabLocks, giveUp: (boxId: string) => Promise<void>): () => void {
  const channel = channelOf(database)
  const answer = (boxId: string): void => {
    if (locks.fenceOf(boxId) === null) return
    say(channel, { kind: 'heard', boxId })
    // A box that cannot be stopped keeps its lock, and the taker steals it.
    giveUp(boxId).catch(() => undefined)
  }
  channel.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    // A frozen tab hears messages, but runs no timers: it stays silent, and begins no transaction whose end it would not see.
    if (data.kind === 'ask') setTimeout(() => answer(data.boxId))
  })
  return () => channel.close()
}
