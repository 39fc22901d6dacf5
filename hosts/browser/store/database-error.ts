// What IndexedDB answers, as the package's error.

import { BoxLiteError, isBoxLiteError } from '../../../src/error.ts'

/** `error` of a database as a `BoxLiteError`; `action` says what was tried ("write layer x"). One that is one already stays. */
export function databaseError(error: unknown, action: string): BoxLiteError {
  if (isBoxLiteError(error)) return error
  const reason = error instanceof Error ? error.name : 'UnknownError'
  const facts = { action, reason }
  if (reason === 'QuotaExceededError') {
    return new BoxLiteError('no_space', `Cannot ${action}: this site may not use more of the browser's storage`, {
      remedy: 'Remove boxes or snapshots and prune the home, or free space on this machine; then try again.',
      facts,
      cause: error,
    })
  }
  return new BoxLiteError('io', `Cannot ${action}: ${words[reason] ?? `the browser's database failed (${reason})`}`, {
    remedy: 'Reload the page; what was flushed is there.',
    facts,
    cause: error,
  })
}

const words: Readonly<Record<string, string>> = {
  AbortError: 'the browser gave the transaction up',
  InvalidStateError: 'the browser closed the database',
  NotFoundError: 'the database lacks a part of it',
}

/** The error of whoever writes in the name of a box that is another's by now. */
export function takenOver(boxId: string): BoxLiteError {
  return new BoxLiteError('busy', `Box ${boxId} was taken over by another tab`, {
    remedy: 'Go on in the other tab, or take the box over again.',
    facts: { boxId },
  })
}

/** Whether a transaction that ended so is known to have changed nothing. */
export function changedNothing(error: BoxLiteError): boolean {
  return error.code === 'busy' || error.code === 'no_space'
}
