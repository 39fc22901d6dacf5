// Asking what a name in the box is.

import { u32Field } from '../agent/fields.ts'
import { Violation } from '../agent/frame.ts'
import { StreamKind } from '../agent/protocol.ts'
import type { Connect } from '../connect.ts'
import { decodeStat, type FileStat } from './file-stat.ts'
import { ask } from './guest-call.ts'
import { pathField } from './guest-path.ts'

const NO_FOLLOW = 1

/** `not_found` where nothing is; with `followLinks` also where a link leads nowhere. */
export async function statOf(connect: Connect, path: string, followLinks: boolean, signal: AbortSignal | undefined): Promise<FileStat> {
  const fields = [pathField(path), u32Field(2, followLinks ? 0 : NO_FOLLOW)]
  const answer = await ask(connect, { kind: StreamKind.STAT, fields, what: `Looking at '${path}' in the box`, path, signal })
  const stat = answer.bytes(1)
  if (stat === undefined) throw new Violation('a STAT without its answer')
  return decodeStat(stat)
}
