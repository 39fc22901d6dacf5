// The members of an archive, taken apart and put together again with something else in them.

import { createHash } from 'node:crypto'
import { encodeTarHeader } from '../../src/archive/tar-header.ts'

export interface Member {
  readonly name: string
  readonly content: Buffer
}

/** The members of an archive of ours. */
export function membersOf(bytes: Buffer): Member[] {
  const members: Member[] = []
  for (let at = 0; bytes[at] !== 0; ) {
    const name = bytes.toString('latin1', at, bytes.indexOf(0, at))
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8)
    members.push({ name, content: bytes.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}

export function tarOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, content }) => [encodeTarHeader(name, content.length), content, Buffer.alloc(-content.length & 511)])
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** The same members with right digests at the end, so that only what was changed on purpose is wrong. */
export function signed(members: readonly Member[]): Buffer {
  const digest = (content: Buffer): string => createHash('sha256').update(content).digest('hex')
  const sums = members.map(({ name, content }) => `${digest(content)}  ${name}\n`).join('')
  return tarOf([...members, { name: 'SHA256SUMS', content: Buffer.from(sums) }])
}

export function edited(content: Buffer, edit: (bytes: Buffer) => void): Buffer {
  const copy = Buffer.from(content)
  edit(copy)
  return copy
}
