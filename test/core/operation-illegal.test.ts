// Calls that no performer makes: each must change nothing and say so, and no bytes may trap the core.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { Effect, Kind, Status, Step } from '../../src/operation/abi.ts'
import { encodeOperation } from '../../src/operation/encode.ts'
import type { Operation } from '../../src/operation/operation.ts'
import { MessageReader, MessageWriter } from '../../src/operation/wire.ts'
import { clone, digest, id, machineRecord, makeBox, snapshotCreate, snapshotRestore } from './operation-home.ts'

const core = await Core.create()
const guarantees = { atomicReplace: true, directorySync: true, transactions: false }
const operations: Operation[] = [
  makeBox(1, { layers: [{ name: `${id(5)}.raw`, parent: null }], base: `${id(5)}.raw` }),
  { kind: 'box.remove', boxId: id(1), force: true },
  { kind: 'box.start', boxId: id(1), machine: machineRecord },
  { kind: 'box.stop', boxId: id(1) },
  snapshotCreate(100, 'a'),
  snapshotRestore(100, 'a', 'b'),
  { kind: 'snapshot.remove', boxId: id(1), snapshot: 'a' },
  clone(2, null),
  { kind: 'recover', boxId: id(1) },
  { kind: 'collect', dryRun: false },
  { kind: 'merge', temporaryId: id(9), limit: 1 },
  { kind: 'image.add', imageId: digest, reference: 'r', layers: [{ name: `${id(5)}.raw`, parent: null }], nowMs: 1 },
  { kind: 'image.remove', imageId: digest },
]

function begin(operation: Operation): number {
  const writer = new MessageWriter()
  const kind = encodeOperation(writer, operation, guarantees)
  core.put(writer.message)
  return core.exports.operationBegin(kind, writer.message.length)
}

function resume(status: number, message = new MessageWriter()): number {
  core.put(message.message)
  return core.exports.operationResume(status, message.message.length)
}

const effect = (): number => new MessageReader(core.bytes, core.reserve(0)).number()

describe('an illegal call', () => {
  it('of a resume with no operation, or a begin while one runs, changes nothing', () => {
    core.exports.reset()
    expect(resume(Status.OK)).toBe(Step.ILLEGAL)
    expect(begin({ kind: 'recover', boxId: id(1) })).toBe(Step.EFFECT)
    expect(effect()).toBe(Effect.LOCK_BOX)
    expect(begin({ kind: 'collect', dryRun: false })).toBe(Step.ILLEGAL)
    expect(resume(Status.OK, new MessageWriter().number(0))).toBe(Step.EFFECT)
    expect(effect()).toBe(Effect.LOCK_HOME)
  })

  it('of a resume with fields that the effect does not answer changes nothing', () => {
    core.exports.reset()
    begin({ kind: 'recover', boxId: id(1) })
    const wrong = [
      new MessageWriter(),
      new MessageWriter().number(0).number(0),
      new MessageWriter().text('x'),
      new MessageWriter().number(0.5),
      new MessageWriter().number(-1),
      new MessageWriter().number(Number.NaN),
    ]
    for (const message of wrong) expect(resume(Status.OK, message)).toBe(Step.ILLEGAL)
    expect(resume(Status.IO, new MessageWriter().number(0))).toBe(Step.ILLEGAL)
    expect(resume(Status.LIMIT + 1)).toBe(Step.ILLEGAL)
    expect(resume(-1)).toBe(Step.ILLEGAL)
    expect(resume(Status.BUSY)).toBe(Step.FAILED)
    expect(resume(Status.BUSY)).toBe(Step.ILLEGAL)
  })

  it('of a begin that is no operation starts none', () => {
    for (const operation of operations) {
      const writer = new MessageWriter()
      const kind = encodeOperation(writer, operation, guarantees)
      const message = writer.message.slice()
      for (const cut of [0, 7, 8, message.length - 1]) {
        core.exports.reset()
        core.put(message.subarray(0, cut))
        expect([operation.kind, cut, core.exports.operationBegin(kind, cut)]).toEqual([operation.kind, cut, Step.ILLEGAL])
        expect(resume(Status.OK)).toBe(Step.ILLEGAL)
      }
      for (const other of [0, -1, 14, 32, 2 ** 31 - 1]) {
        core.exports.reset()
        core.put(message)
        expect(core.exports.operationBegin(other, message.length)).toBe(Step.ILLEGAL)
      }
    }
  })
})

describe('any bytes', () => {
  it('as an operation or as an answer end in a step, never in a trap', () => {
    const values = fc.array(fc.oneof(fc.nat(3), fc.string(), fc.constant(id(1))), { maxLength: 8 })
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 200 }), values.map(fields))
    const answer = fc.record({ status: fc.oneof(fc.constant(0), fc.nat(14)), bytes })
    fc.assert(
      fc.property(fc.nat(14), bytes, fc.array(answer, { maxLength: 12 }), (kind, message, answers) => {
        core.exports.reset()
        core.put(message)
        let step = core.exports.operationBegin(kind, message.length)
        for (const { status, bytes: reply } of answers) {
          expect([Step.EFFECT, Step.DONE, Step.FAILED, Step.ILLEGAL]).toContain(step)
          core.put(reply)
          step = core.exports.operationResume(status, reply.length)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('answered to every effect of every operation in turn end it or let it go on', () => {
    for (const operation of operations) {
      for (const status of [Status.OK, Status.NOT_FOUND, Status.ALREADY_EXISTS, Status.BUSY, Status.IO, Status.CORRUPT]) {
        core.exports.reset()
        let step = begin(operation)
        for (let turn = 0; step === Step.EFFECT && turn < 50; turn++) {
          step = resume(status, status === Status.OK ? plausible(effect(), turn) : new MessageWriter())
        }
        expect([operation.kind, status, step]).not.toEqual([operation.kind, status, Step.ILLEGAL])
      }
    }
  })
})

/** An answer of the right form to an effect, with nothing sensible in it. */
function plausible(code: number, turn: number): MessageWriter {
  const writer = new MessageWriter()
  switch (code) {
    case Effect.LOCK_BOX:
    case Effect.LOCK_HOME:
    case Effect.LOCK_NAME:
      return writer.number(turn % 2)
    case Effect.FIND_NAME:
    case Effect.READ_RECORD:
      return writer.text('{"format":1')
    case Effect.LIST:
      return writer.number(2).text(`${id(turn)}.json`).text('\n').number(turn < 10 ? 1 : 0)
    case Effect.READ_HEAD:
      return writer.number(2 ** 53).text('QFI\u00fb')
    case Effect.ASK:
      return writer.number(turn).text('x')
    default:
      return writer
  }
}

/** A message of plausible fields. */
function fields(values: (number | string)[]): Uint8Array {
  const writer = new MessageWriter()
  for (const value of values) if (typeof value === 'number') writer.number(value)
  else writer.text(value)
  return writer.message
}

it('every kind of operation is in this file', () => {
  expect(operations.length).toBe(Object.keys(Kind).length)
})
