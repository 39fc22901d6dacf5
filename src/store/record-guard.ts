// The conditions of a commit, the same for every store.

import { BoxLiteError, isBoxLiteError } from '../error.ts'
import { RECORD_LIMIT_BYTES, type Held, type RecordKind } from '../host.ts'

/** Refuses a record that is too long to be read again. */
export function checkRecordLength(kind: RecordKind, id: string, lengthBytes: number): void {
  if (lengthBytes <= RECORD_LIMIT_BYTES) return
  throw new BoxLiteError('limit', `The record ${kind}/${id} would be ${lengthBytes} bytes long, more than ${RECORD_LIMIT_BYTES}`, {
    remedy: 'Remove snapshots of this box, or make their descriptions shorter.',
    facts: { kind, id, lengthBytes, limitBytes: RECORD_LIMIT_BYTES },
  })
}

/** Rejects with `busy` unless the record still is what the caller read and every lock is still the caller's. */
export function checkUnchanged(
  kind: RecordKind,
  id: string,
  found: Uint8Array | null,
  expected: Uint8Array | null,
  held: readonly Held[],
): void {
  const same = found === null || expected === null ? found === expected : equalBytes(found, expected)
  if (!same) throw recordChanged(kind, id, 'was changed by someone else')
  if (!held.every((lock) => lock.isHeld())) throw recordChanged(kind, id, 'is no longer locked by this caller')
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

function recordChanged(kind: RecordKind, id: string, how: string): BoxLiteError {
  return new BoxLiteError('busy', `The record ${kind}/${id} ${how}`, { remedy: 'Try again.', facts: { kind, id } })
}

/** An error of a commit that came before the record was touched, so that its outcome is known: nothing changed. */
export function untouched(error: unknown): unknown {
  if (!isBoxLiteError(error)) return error
  const { code, message, remedy, fault, facts } = error
  return new BoxLiteError(code, message, { fault, facts: { ...facts, unchanged: true }, cause: error, ...(remedy === undefined ? {} : { remedy }) })
}
