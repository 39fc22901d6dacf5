// Reads the core's answers: what an operation ended with, and what it noticed on its way.

import type { ErrorCode } from '../error.ts'
import type { Directory } from '../host.ts'
import { Found } from './abi.ts'
import { codes, reasonNames } from './messages.ts'
import type { Finding, Operation, Outcome, Recovery } from './operation.ts'
import type { BoxRecord, ImageRecord } from './record.ts'
import type { MessageReader } from './wire.ts'

const recoveries: readonly Recovery[] = ['none', 'cleared', 'resumed', 'switched', 'undone', 'killed']
const places: readonly Directory[] = ['boxes', 'images', 'layers', 'states']

/** The outcome in the core's last message. */
export function decodeOutcome(operation: Operation, end: MessageReader, findings: readonly Finding[]): Outcome {
  switch (operation.kind) {
    case 'box.remove':
      return { recovered: recovery(end), findings }
    case 'box.create':
    case 'box.start':
    case 'box.stop':
    case 'snapshot.restore':
    case 'snapshot.remove':
    case 'recover':
      return { recovered: recovery(end), record: record<BoxRecord>(end), findings }
    case 'snapshot.create': {
      const recovered = recovery(end)
      const made = record<BoxRecord>(end)
      const snapshot = made.snapshots.find(({ id }) => id === operation.snapshotId)
      if (!snapshot) throw new Error('the core made a snapshot that its record does not name')
      return { recovered, record: made, snapshot, consistency: snapshot.consistency, findings }
    }
    case 'clone':
      return { recovered: recovery(end), source: record<BoxRecord>(end), record: record<BoxRecord>(end), findings }
    case 'collect':
      return { layers: end.number(), deleted: end.number(), complete: end.number() === 1, findings }
    case 'merge':
      return { merged: end.number(), findings }
    case 'image.add':
      return { record: record<ImageRecord>(end), findings }
    case 'image.remove':
      return { findings }
  }
}

/** What a REPORT effect says. */
export function decodeFinding(message: MessageReader): Finding {
  const found = message.number()
  const place = places[message.number()] ?? 'layers'
  const name = message.text()
  const more = message.text()
  const flag = message.number()
  switch (found) {
    case Found.NOT_FROZEN:
      return { kind: 'not-frozen', boxId: name }
    case Found.NOT_THAWED:
      return { kind: 'not-thawed', boxId: name }
    case Found.GARBAGE:
      return { kind: 'garbage', directory: place, name, deleted: flag === 1 }
    case Found.UNKNOWN_NAME:
      return { kind: 'unknown-name', directory: place, name }
    case Found.UNREADABLE:
      return { kind: 'unreadable', directory: place, name, reason: reasonNames[flag] ?? 'unknown' }
    case Found.MERGE_WAITS:
      return { kind: 'merge-waits', layer: name, boxId: more }
    case Found.NOT_DELETED:
      return { kind: 'not-deleted', directory: place, name, code: codes[flag] as ErrorCode }
    default:
      throw new Error(`the core reported an unknown finding: ${found}`)
  }
}

function recovery(end: MessageReader): Recovery {
  return recoveries[end.number()] ?? 'none'
}

// The bytes are the core's own, or were judged by it.
function record<R extends BoxRecord | ImageRecord>(end: MessageReader): R {
  return JSON.parse(end.text()) as R
}
