// Stopping a box whose disk is wanted afterwards, whole.

import type { Box } from '../../src/box.ts'
import { BoxLiteError } from '../../src/error.ts'

/** Stops a box. `io` where its guest did not shut down by itself: what it had not written out is not on the disk then. */
export async function stopWhole(box: Pick<Box, 'id' | 'stop'>, stopTimeoutMs: number): Promise<void> {
  const { reason, detail, console } = (await box.stop({ stopTimeoutMs })) ?? { reason: null, detail: 'nobody saw its end', console: '' }
  // The agent ends a machine by a restart, which no engine follows.
  if (reason === 'shutdown' || reason === 'reset') return
  throw new BoxLiteError('io', `The guest of box '${box.id}' did not shut down by itself: ${detail}`, {
    remedy: 'Try again when the machine has less to do.',
    facts: { boxId: box.id, reason, console },
  })
}
