import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'

const header = readFileSync(fileURLToPath(new URL('../../guest/agent/protocol.h', import.meta.url)), 'utf8')

/** The members of one enum of the header, without their common prefix. */
function enumOf(name: string, prefix: string): Record<string, number> {
  const body = new RegExp(`^enum ${name} \\{\\n([^}]*)\\};`, 'm').exec(header)![1]!
  const members = [...body.matchAll(new RegExp(`^  ${prefix}_(\\w+) = (\\w+),$`, 'gm'))]
  expect(members.length).toBe(body.trimEnd().split('\n').length)
  return Object.fromEntries(members.map((member) => [member[1]!, Number(member[2])]))
}

describe('the protocol', () => {
  it('has the same numbers on both sides', () => {
    expect(enumOf('protocol', 'PROTOCOL')).toEqual(Protocol)
    expect(enumOf('frame_type', 'FRAME')).toEqual(FrameType)
    expect(enumOf('stream_kind', 'KIND')).toEqual(StreamKind)
  })

  it('resynchronizes with one byte more than the longest frame has after its first', () => {
    expect(Protocol.RESYNC_BYTES).toBe(Protocol.HEADER_BYTES + Protocol.MAX_PAYLOAD_BYTES + 1)
  })
})
