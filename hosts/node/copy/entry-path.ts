// Where a tar's name leads, which may be anybody's: only ever beneath the directory that it is unpacked in.

import { sep } from 'node:path'
import { BoxLiteError } from '../../../src/error.ts'

/** The parts of a name below `root`, its first part. `invalid_argument` for one that would lead elsewhere. */
export function entryParts(name: string, root: string): string[] {
  const parts = name.split('/').filter((part, index) => part !== '' || index === 0)
  const below = parts.slice(1)
  const foreign = below.some((part) => part === '..' || part === '.' || part.includes('\0') || (sep !== '/' && /[\\:]/.test(part)))
  if (parts[0] === root && !foreign) return below
  throw new BoxLiteError('invalid_argument', `The box offers a file called '${name}', which is not beneath '${root}'`, {
    remedy: 'Do not trust this box: its agent does not send such names by itself.',
    facts: { entry: name },
    fault: 'data',
  })
}
