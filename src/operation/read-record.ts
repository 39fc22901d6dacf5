// Reads records that nobody is about to change: the core judges the bytes, `JSON.parse` makes the view.

import { RecordVerdict } from '../core/abi.ts'
import type { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import { Place } from './abi.ts'
import type { BoxRecord, ImageRecord } from './record.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })
const idLengths = { boxes: 32, images: 64 } as const

/** The box record with this id; `corrupt` where the bytes are not one, `unsupported` where they are of another format. Resets the core. */
export function readBoxRecord(core: Core, id: string, bytes: Uint8Array): BoxRecord {
  return read(core, 'boxes', id, bytes) as BoxRecord
}

/** The image record with this digest; refuses like `readBoxRecord`. */
export function readImageRecord(core: Core, id: string, bytes: Uint8Array): ImageRecord {
  return read(core, 'images', id, bytes) as ImageRecord
}

function read(core: Core, kind: 'boxes' | 'images', id: string, bytes: Uint8Array): unknown {
  const idBytes = encoder.encode(id)
  if (idBytes.length !== idLengths[kind]) throw new BoxLiteError('corrupt', `'${id}' is not the id of a record`, { facts: { id } })
  core.exports.reset()
  const message = new Uint8Array(idBytes.length + bytes.length)
  message.set(idBytes)
  message.set(bytes, idBytes.length)
  core.put(message)
  const verdict = core.exports.recordVerdict(kind === 'boxes' ? Place.BOXES : Place.IMAGES, bytes.length)
  if (verdict === RecordVerdict.OK) return JSON.parse(decoder.decode(bytes)) as unknown
  const detail = core.exports.recordProblem()
  if (verdict === RecordVerdict.UNKNOWN_FORMAT)
    throw new BoxLiteError('unsupported', `the record of '${id}' has format version ${detail}, which this version does not know`, {
      remedy: 'Use a newer version of boxlite.',
      facts: { id, format: detail },
    })
  throw new BoxLiteError('corrupt', `the record of '${id}' is damaged at byte ${detail}`, {
    remedy: "Run 'boxlite fsck' to see what is wrong in the home.",
    facts: { id, offset: detail },
  })
}
