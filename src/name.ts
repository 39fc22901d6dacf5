// The rules for names, asked of the core and put into words.

import { NAME_LIMIT_BYTES, NameVerdict } from './core/abi.ts'
import type { Core } from './core/core.ts'
import { encodeText } from './core/text.ts'
import { BoxLiteError } from './error.ts'

/** What a name is for; it stands at the head of the message. */
export type NameSubject = 'Box' | 'Snapshot'

/** Refuses a name that is not allowed with `invalid_argument`; the texts are those of the published runtime. */
export function checkName(core: Core, subject: NameSubject, name: string): void {
  const bytes = encodeText(name)
  // The core stops at the limit, so it need not be shown more than one byte over it.
  core.put(bytes.subarray(0, NAME_LIMIT_BYTES + 1))
  const verdict = core.exports.nameVerdict(Math.min(bytes.length, NAME_LIMIT_BYTES + 1))
  if (verdict !== NameVerdict.OK) {
    const message = nameMessage(verdict, subject, name)
    throw new BoxLiteError('invalid_argument', message, {
      remedy: `Choose a name of 1 to ${NAME_LIMIT_BYTES} bytes without '/', '\\' or control characters that does not start with '.'.`,
      facts: { name, verdict },
    })
  }
}

/** What is wrong with `name`, by the core's verdict on it. */
export function nameMessage(verdict: number, subject: NameSubject, name: string): string {
  switch (verdict) {
    case NameVerdict.EMPTY:
      return `${subject} name cannot be empty`
    case NameVerdict.TOO_LONG:
      return `${subject} name too long (${encodeText(name).length} chars, max ${NAME_LIMIT_BYTES})`
    case NameVerdict.DOT:
      return `${subject} name '${name}' is not allowed`
    case NameVerdict.LEADING_DOT:
      return `${subject} name cannot start with '.'`
    case NameVerdict.SEPARATOR:
      return `${subject} name contains invalid characters (/, \\, or null byte)`
    case NameVerdict.CONTROL:
      return `${subject} name contains control characters`
    case NameVerdict.NOT_UNICODE:
      return `${subject} name is not valid Unicode`
    default:
      throw new Error(`the core gave an unknown verdict on a name: ${verdict}`)
  }
}
