// What a crash may leave of a disk that was written: everything that was synced, and of what was
// written since, any part.

import { ReadOnlyFile } from '../core/qcow2/read-only-file.ts'
import type { LogEntry } from '../core/qcow2/recording-file.ts'

/** A file of bytes in memory that is only read. */
export class BytesFile extends ReadOnlyFile {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    super()
    this.bytes = bytes
  }

  async read(target: Uint8Array, offset: number): Promise<number> {
    const part = this.bytes.subarray(offset, offset + target.length)
    target.set(part)
    return part.length
  }

  async size(): Promise<number> {
    return this.bytes.length
  }
}

/** One state of the file after a crash. */
export interface CrashState {
  /** How many entries of the log had begun. */
  readonly position: number
  readonly text: string
  readonly bytes: Uint8Array
}

/** Which pieces of the unsynced entries are kept: by the entry's number, and the piece's within it. */
type Keep = (entry: number, piece: number) => boolean

/** The lengths in which a write is torn: not at all, in blocks, in sectors. */
const tears = [Infinity, 4096, 512]
/** With more unsynced entries than these not every subset is tried. */
const EXHAUSTIVE_ENTRIES = 5

/**
 * The states of a crash at every position of the log from `from` on: every subset of the few writes since the last sync, a
 * sample of the subsets of many, whole and torn.
 */
export function* crashStates(log: readonly LogEntry[], from: number, random: (below: number) => number, samples: number): Generator<CrashState> {
  let durable: Uint8Array = new Uint8Array(0)
  let pending: Exclude<LogEntry, { kind: 'sync' }>[] = []
  for (let position = 0; position <= log.length; position++) {
    if (position >= from) {
      for (const [text, keep, tear] of choices(pending.length, random, samples)) {
        yield { position, text: `at ${position} of ${log.length}, ${pending.length} unsynced, ${text}`, bytes: replay(durable, pending, keep, tear) }
      }
    }
    const entry = log[position]
    if (entry === undefined) continue
    if (entry.kind !== 'sync') pending.push(entry)
    else {
      durable = replay(durable, pending, () => true, Infinity)
      pending = []
    }
  }
}

function* choices(entries: number, random: (below: number) => number, samples: number): Generator<[string, Keep, number]> {
  if (entries <= EXHAUSTIVE_ENTRIES) {
    for (let mask = 0; mask < 2 ** entries; mask++) yield [`subset ${mask.toString(2)}`, (entry) => ((mask >> entry) & 1) === 1, Infinity]
  } else {
    for (let i = 0; i < entries; i++) {
      yield [`all but ${i}`, (entry) => entry !== i, Infinity]
      yield [`only ${i}`, (entry) => entry === i, Infinity]
    }
    yield ['none', () => false, Infinity]
    yield ['all', () => true, Infinity]
  }
  if (entries === 0) return
  for (let i = 0; i < samples; i++) {
    const tear = tears[random(tears.length)]!
    const percent = [10, 50, 90][random(3)]!
    yield [`${percent} % in pieces of ${tear}`, () => random(100) < percent, tear]
  }
}

function replay(durable: Uint8Array, entries: readonly Exclude<LogEntry, { kind: 'sync' }>[], keep: Keep, tear: number): Uint8Array {
  const room = entries.reduce((most, entry) => Math.max(most, endOf(entry)), durable.length)
  const bytes = new Uint8Array(room)
  bytes.set(durable)
  let length = durable.length
  for (const [number, entry] of entries.entries()) {
    if (entry.kind === 'truncate') {
      if (!keep(number, 0)) continue
      bytes.fill(0, Math.min(length, entry.length))
      length = entry.length
      continue
    }
    for (let at = 0, piece = 0; at < entry.bytes.length; piece++) {
      const size = tear === Infinity ? entry.bytes.length : Math.min(tear - ((entry.offset + at) % tear), entry.bytes.length - at)
      if (keep(number, piece)) {
        bytes.set(entry.bytes.subarray(at, at + size), entry.offset + at)
        length = Math.max(length, entry.offset + at + size)
      }
      at += size
    }
  }
  return bytes.subarray(0, length)
}

function endOf(entry: Exclude<LogEntry, { kind: 'sync' }>): number {
  return entry.kind === 'truncate' ? entry.length : entry.offset + entry.bytes.length
}
