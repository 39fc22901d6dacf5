import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordVerdict } from '../../src/core/abi.ts'
import { Core } from '../../src/core/core.ts'
import { Place } from '../../src/operation/abi.ts'
import { readBoxRecord, readImageRecord } from '../../src/operation/read-record.ts'
import { clone, digest, Home, id, layer, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'
import { crc32c } from '../crc32c.ts'

const core = await Core.create()
const encoder = new TextEncoder()
const runs = Number(globalThis.process?.env?.['BOXLITE_FUZZ_RUNS'] ?? 500)

/** A record of this text, which ends where the checksum begins, with a right checksum. */
function sealed(text: string): Uint8Array {
  const check = crc32c(encoder.encode(text)).toString(16).padStart(8, '0')
  return encoder.encode(`${text}"check":"${check}"}`)
}

const fields = {
  format: '1',
  generation: '7',
  id: `"${id(1)}"`,
  name: '"box1"',
  config: '{"n":1}',
  live: `"${layer(10)}"`,
  liveParent: 'null',
  machine: 'null',
  resume: 'null',
  snapshots: '[]',
  pending: 'null',
}
const snapshot = {
  id: `"${id(5)}"`,
  name: '"s"',
  description: '"d"',
  layer: `"${layer(11)}"`,
  state: 'null',
  createdAt: '1',
  virtualSizeBytes: '"1024"',
  parent: 'null',
  consistency: '"stopped"',
}
const machine = { pid: '1', startTime: '"2"', bootId: '"b"', nonce: '"n"', detached: 'false' }
const pending = { kind: '"switch"', from: `"${layer(11)}"`, to: `"${layer(10)}"` }

/** JSON of fields whose values are JSON already. */
const object = (of: Record<string, string>): string => `{${Object.entries(of).map(([key, value]) => `"${key}":${value}`).join(',')}}`

/** A box record with some fields replaced. */
function box(more: Partial<Record<keyof typeof fields, string>> = {}): Uint8Array {
  return sealed(`${object({ ...fields, ...more }).slice(0, -1)},`)
}

/** The core's verdict, whatever the bytes. */
function verdict(bytes: Uint8Array, place: number = Place.BOXES): number {
  core.exports.reset()
  const message = new Uint8Array(32 + bytes.length)
  message.set(encoder.encode(id(1)))
  message.set(bytes, 32)
  core.put(message)
  return core.exports.recordVerdict(place, bytes.length)
}

const accepts = (bytes: Uint8Array): boolean => verdict(bytes) === RecordVerdict.OK

describe('a box record', () => {
  it('has the checksum of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa)
    expect(crc32c(encoder.encode('123456789'))).toBe(0xe306_9283)
    expect(accepts(box())).toBe(true)
  })

  it('is read as it was written', async () => {
    const home = new Home()
    const { record } = await home.run(makeBox(1, { name: 'ü "quoted"', config: { any: ['thing', { at: 1e-7 }] } }))
    const bytes = home.memory.records.boxes.get(id(1))!
    expect(readBoxRecord(core, id(1), bytes)).toEqual(record)
    expect(record.name).toBe('ü "quoted"')
    expect(new TextDecoder().decode(bytes)).toContain(`"check":"${crc32c(bytes.subarray(0, -19)).toString(16).padStart(8, '0')}"}`)
  })

  it('is refused after any change of one byte, any cut and anything added', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    await home.run(snapshotCreate(100, 'a'))
    const bytes = home.memory.records.boxes.get(id(1))!
    for (let at = 0; at < bytes.length; at++) {
      for (const flip of [1, 0x20, 0x80]) {
        const changed = bytes.slice()
        changed[at]! ^= flip
        expect(accepts(changed)).toBe(false)
      }
      expect(accepts(bytes.slice(0, at))).toBe(false)
    }
    for (const more of ['\n', ' ', '}', '{}']) expect(accepts(new Uint8Array([...bytes, ...encoder.encode(more)]))).toBe(false)
    expect(() => readBoxRecord(core, id(2), bytes)).toThrow(`the record of '${id(2)}' is damaged at byte`)
  })

  it('of an unknown format is refused by its version, whatever else it says', () => {
    for (const bytes of [box({ format: '2' }), encoder.encode('{"format":2,"new":true}')]) {
      expect(() => readBoxRecord(core, id(1), bytes)).toThrow(
        expect.objectContaining({ code: 'unsupported', message: `the record of '${id(1)}' has format version 2, which this version does not know` }),
      )
    }
    expect(() => readBoxRecord(core, id(1), encoder.encode('{"format":'))).toThrow(expect.objectContaining({ code: 'corrupt' }))
  })

  it('has every field, once, in its order', () => {
    const keys = Object.keys(fields) as (keyof typeof fields)[]
    for (const gone of keys) {
      const rest = Object.fromEntries(Object.entries(fields).filter(([key]) => key !== gone))
      expect(accepts(sealed(`${object(rest).slice(0, -1)},`))).toBe(false)
      expect(accepts(sealed(`${object(fields).slice(0, -1)},"${gone}":${fields[gone]},`))).toBe(false)
      expect(accepts(sealed(`${object({ ...rest, [gone]: fields[gone] }).slice(0, -1)},`))).toBe(gone === 'pending')
    }
    expect(accepts(sealed(`${object({ ...fields, more: '1' }).slice(0, -1)},`))).toBe(false)
  })

  it('accepts each field in its type and range alone', () => {
    const good: [keyof typeof fields, string][] = [
      ['generation', '1'],
      ['generation', String(2 ** 53 - 16)],
      ['name', 'null'],
      ['name', '"\\u00fc\\ud83d\\ude42"'],
      ['config', '{}'],
      ['config', `{"a":${'['.repeat(63)}${']'.repeat(63)}}`],
      ['resume', `"${id(9)}"`],
      ['machine', object(machine)],
      ['pending', object(pending)],
      ['snapshots', `[${object(snapshot)}]`],
      ['snapshots', `[${object({ ...snapshot, state: `"${id(8)}"`, description: '"\\n\\"\\u0000"', layer: `"${id(7)}.raw"` })}]`],
    ]
    for (const [key, value] of good) expect([key, value, accepts(box({ [key]: value }))]).toEqual([key, value, true])
    const all = (key: keyof typeof fields, ...values: string[]): [keyof typeof fields, string][] => values.map((value) => [key, value])
    const bad: [keyof typeof fields, string][] = [
      ...all('generation', '0', '-1', '1.0', '1e3', '01', String(2 ** 53), '99999999999999999999', '"1"', 'null'),
      ...all('id', `"${id(2)}"`, `"${id(1).slice(1)}"`, 'null', '1'),
      ...all('name', '""', '"."', '"a/b"', '"a\\u002fb"', '"\\ud800"', '"\\u0000"', '"\\x41"', '"a\nb"', '1', '{}'),
      ...all('config', '[]', '"x"', 'null', '{"a":}', '{"a" 1}', '{a:1}', '{"a":1,}', '{"a":[}', '{"a":tru}'),
      ...all('config', '{"a":01}', '{"a":+1}', '{"a":1.}', '{"a":.5}', '{"a":NaN}', '{"a":"\t"}', '{"a":"\\u12"}'),
      ['config', `{"a":${'['.repeat(64)}${']'.repeat(64)}}`],
      ...all('live', `"${id(1)}.raw"`, `"${id(1)}"`, `"../${layer(1)}"`, `"${layer(1).toUpperCase()}"`, 'null', '""'),
      ['liveParent', `"${id(5)}"`],
      ['machine', '{}'],
      ['machine', object({ ...machine, pid: '"1"' })],
      ['machine', object({ ...machine, detached: 'null' })],
      ['machine', object({ ...machine, more: '1' })],
      ['resume', '"x"'],
      ['pending', object({ ...pending, kind: '"other"' })],
      ['pending', object({ ...pending, to: `"${layer(12)}"` })],
      ['pending', object({ ...pending, from: `"${layer(10)}"` })],
      ['snapshots', 'null'],
      ['snapshots', '[,]'],
      ['snapshots', `[${object(snapshot)},]`],
      ['snapshots', `[${object(snapshot)},${object({ ...snapshot, name: '"t"' })}]`],
      ['snapshots', `[${object(snapshot)},${object({ ...snapshot, id: `"${id(6)}"` })}]`],
      ['snapshots', `[${object(snapshot)},${object({ ...snapshot, id: `"${id(6)}"`, name: '"\\u0073"' })}]`],
      ['snapshots', `[${object({ ...snapshot, parent: snapshot.id })}]`],
      ['snapshots', `[${object({ ...snapshot, layer: fields.live })}]`],
      ['snapshots', `[${object({ ...snapshot, id: 'null' })}]`],
      ['snapshots', `[${object({ ...snapshot, virtualSizeBytes: '"007"' })}]`],
      ['snapshots', `[${object({ ...snapshot, virtualSizeBytes: '"99999999999999999"' })}]`],
      ['snapshots', `[${object({ ...snapshot, consistency: '"good"' })}]`],
      ['snapshots', `[${object({ ...snapshot, description: `"${'x'.repeat(4097)}"` })}]`],
    ]
    for (const [key, value] of bad) expect([key, value, accepts(box({ [key]: value }))]).toEqual([key, value, false])
  })

  it('has a configuration that is JSON exactly when JSON.parse says so', () => {
    const marks = [...'"\\{}[],:0-.e \n\u0001ü', '', 'null', '\\u00', '\\ud800', '\\ud83d\\ude42']
    const mutation = fc.record({ at: fc.nat(), cut: fc.nat(3), put: fc.constantFrom(...marks) })
    fc.assert(
      fc.property(fc.object({ maxDepth: 4 }), fc.array(mutation, { maxLength: 3 }), (value, mutations) => {
        let text = JSON.stringify(value)
        for (const { at, cut, put } of mutations) {
          const place = at % (text.length + 1)
          text = text.slice(0, place) + put + text.slice(place + cut)
        }
        expect([text, accepts(box({ config: text }))]).toEqual([text, isObject(text)])
      }),
      { numRuns: runs },
    )
  })

  it('of any bytes ends in a verdict', () => {
    const keys = Object.keys(fields).map((key) => `"${key}":`)
    const parts = fc.constantFrom(...'{}":,[]\\', '\\u', ...keys, ...Object.values(fields))
    const texts = fc.array(parts, { maxLength: 40 }).map((some) => some.join(''))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), texts.map((text) => encoder.encode(text)), texts.map(sealed)), (bytes) => {
        expect([RecordVerdict.CORRUPT, RecordVerdict.UNKNOWN_FORMAT, RecordVerdict.OK]).toContain(verdict(bytes))
        expect([RecordVerdict.CORRUPT, RecordVerdict.UNKNOWN_FORMAT]).toContain(verdict(bytes, Place.IMAGES))
      }),
      { numRuns: runs * 4 },
    )
    expect(accepts(encoder.encode('['.repeat(1_000_000)))).toBe(false)
    expect(accepts(new Uint8Array(8 * 1024 * 1024 + 1).fill(0x20))).toBe(false)
  })
})

/** Whether a text is JSON of an object whose every text is Unicode; JSON.parse lets escapes of lone surrogates pass. */
function isObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) && isWellFormed(value)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return !/\p{Surrogate}/u.test(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, inner]) => isWellFormed(key) && isWellFormed(inner))
}

describe('an image record', () => {
  it('is read as it was written, and refused after any change', async () => {
    const home = new Home()
    const layers = [{ name: layer(1), parent: null }]
    const { record } = await home.run({ kind: 'image.add', imageId: digest, reference: 'a "b"', layers, nowMs: 9 })
    const bytes = home.memory.records.images.get(digest)!
    expect(readImageRecord(core, digest, bytes)).toEqual(record)
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice()
      changed[at]! ^= 1
      expect(() => readImageRecord(core, digest, changed)).toThrow()
    }
    expect(() => readImageRecord(core, 'short', bytes)).toThrow("'short' is not the id of a record")
  })
})

describe('every record that operations write', () => {
  it('counts its generations and is accepted again', async () => {
    const home = new Home()
    await home.run(makeBox(1))
    await home.run(snapshotCreate(100, 'a'))
    await home.run(snapshotRestore(200, 'a', 'b'))
    await home.run(clone(2, 'a'))
    await home.run({ kind: 'snapshot.remove', boxId: id(1), snapshot: 'a' })
    expect(home.record().generation).toBe(4)
    expect(home.record(2).generation).toBe(1)
  })
})
