// What works in a box that runs until the page dies: the guest writes file after file, each flushed before it is told, while
// snapshots are made, removed and gone back to. The lines are like those of the workers on disks (test/kill/work.mjs).

import { isBoxLiteError } from '../../../src/error.ts'
import type { Box } from '../../../src/box.ts'
import { digestOf } from '../digest.ts'

/** Where the guest writes. */
const FILES = '/root/files'

// dd's exit code says whether the fsync went well.
const WRITE = `mkdir -p ${FILES} && cd ${FILES} || exit 1
n=0
while :; do
  dd if=/dev/urandom of=$0-$n bs=1024 count=$((1 + n % 40)) conv=fsync 2>/dev/null || exit 1
  echo $0-$n $(sha256sum < $0-$n)
  n=$((n + 1))
done`

interface GuestWork {
  readonly box: Box
  /** Of the names it gives; unique to this worker. */
  readonly prefix: string
  readonly below: (limit: number) => number
  readonly say: (...words: readonly string[]) => Promise<void>
}

/** Works for ever. */
export async function workInGuest(given: GuestWork): Promise<never> {
  const { box, prefix, below, say } = given
  let names = 0
  let writing = write(given, `${prefix}-0`)

  /** Does one thing and says so; false where it was refused because someone else is at it, which is part of life. */
  async function act(words: readonly string[], doIt: () => Promise<unknown>): Promise<boolean> {
    await say('>', ...words)
    try {
      await doIt()
    } catch (error) {
      if (!isBoxLiteError(error, 'busy')) throw error
      await say('!', error.code)
      return false
    }
    await say('<', ...words)
    return true
  }

  async function create(name: string): Promise<void> {
    if (!(await act(['create', name], () => box.snapshot.create(name)))) return
    let digest = ''
    await act(['read', name], async () => (digest = await digestOf(await box.snapshot.disk(name))))
    if (digest !== '') await say('=', name, digest)
  }

  await say('ready')
  for (let step = 1; ; step++) {
    const snapshots = (await box.snapshot.list()).map(({ name }) => name)
    const any = snapshots[below(snapshots.length)]
    const dice = below(12)
    if (any === undefined || (dice < 8 && snapshots.length < 3)) await create(`${prefix}-${names++}`)
    else if (dice < 11) await act(['remove', any], () => box.snapshot.remove(any))
    else {
      writing.isExpectedToEnd = true
      // Refused, it has stopped nothing.
      if (await act(['restore', any], () => box.snapshot.restore(any, { restart: true }).then(() => writing.ended))) {
        writing = write(given, `${prefix}-${step}`)
      } else writing.isExpectedToEnd = false
    }
    // Someone who only makes snapshots would leave the guest no time to write.
    await writing.more()
  }
}

interface Writing {
  /** Set before the box is stopped under it. */
  isExpectedToEnd: boolean
  /** Rejects when it ended by itself. */
  readonly ended: Promise<void>
  /** Resolves when another file was written. */
  more(): Promise<void>
}

function write({ box, say }: GuestWork, name: string): Writing {
  let heard = (): void => undefined
  const another = (): Promise<void> => new Promise((resolve) => (heard = resolve))
  const writing: Writing = { isExpectedToEnd: false, ended: follow(), more: () => Promise.race([writing.ended, another()]) }
  return writing

  async function follow(): Promise<void> {
    for (;;) {
      try {
        await followOnce()
        return
      } catch (error) {
        // The box was stopped and has to be started for this, which waits for nobody who is alone in the home.
        if (isBoxLiteError(error, 'busy')) continue
        if (!writing.isExpectedToEnd || !isBoxLiteError(error)) throw error
        return
      }
    }
  }

  async function followOnce(): Promise<void> {
    let rest = ''
    for await (const event of box.exec('sh', ['-c', WRITE, name])) {
      if (event.kind === 'exit') {
        if (writing.isExpectedToEnd) return
        throw new Error(`The guest stopped writing: ${JSON.stringify(event)}`)
      }
      const lines = (rest + event.data).split('\n')
      rest = lines.pop()!
      for (const line of lines) await say('<', 'file', ...line.split(' ').slice(0, 2))
      if (lines.length > 0) heard()
    }
  }
}
