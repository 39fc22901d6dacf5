// Stops a box, does something to it, and starts it again.

import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { HomeAccess } from '../home-access.ts'
import type { CallOptions } from '../progress.ts'
import type { StartProgress } from './launch.ts'
import type { StopProgress } from './stop.ts'

/**
 * Stops a box where it runs, does `between`, and starts it as it was. It is not removed by stopping; from then on `signal` says nothing.
 *
 * The locks that others could be in the way with are had before the guest is told, and kept to the end: with `busy` nothing has happened.
 * A caller who takes it for "not done" would otherwise find the box put back.
 */
export async function restart(
  home: HomeAccess,
  boxId: string,
  between: () => Promise<void>,
  { signal, onProgress }: CallOptions<StopProgress | StartProgress>,
): Promise<void> {
  const { runner } = home
  const run = runner.of(boxId)
  const shared = await home.lockHome('shared')
  try {
    const owned = await runner.owned(boxId)
    const detach = owned?.live.machine.identity.detached
    run.kept = owned?.lock ?? (await home.lockBox(boxId))
    await runner.stop(boxId, { signal, onProgress }, true)
    await between()
    await runner.start(boxId, { ...(detach !== undefined && { detach }), onProgress }).catch(notStartedAgain)
  } finally {
    const { kept } = run
    run.kept = null
    if (kept !== null && run.owned?.lock !== kept) await kept.release()
    await shared.release()
  }
}

/** Throws why a box did not start again after what was done to it; never `busy`, which says that nothing was. */
function notStartedAgain(cause: unknown): never {
  if (!isBoxLiteError(cause)) throw cause
  const { code, message, remedy, fault, facts } = cause
  throw new BoxLiteError(code === 'busy' ? 'invalid_state' : code, `It is done, but the box did not start again: ${message}`, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(code === 'busy' ? {} : { fault }),
    facts,
    cause,
  })
}
