import { BoxLiteError } from '../../../src/error.ts'
import { parseSize } from './size.ts'

export const rangeOptions = {
  offset: { type: 'string', value: 'SIZE', help: 'where on the disk to begin (default: 0)' },
  length: { type: 'string', value: 'SIZE', help: 'how much (default: to the end)' },
} as const

export interface ByteRange {
  readonly offset: number
  /** Null: not said. */
  readonly length: number | null
}

export function parseRange(options: { readonly offset: string | undefined; readonly length: string | undefined }, command: string): ByteRange {
  return {
    offset: options.offset === undefined ? 0 : parseSize(options.offset, '--offset', command),
    length: options.length === undefined ? null : parseSize(options.length, '--length', command),
  }
}

/** The length of `range` on a disk of `sizeBytes`. Refuses one that is not on the disk with `invalid_argument`. */
export function lengthOnDisk({ offset, length }: ByteRange, sizeBytes: number): number {
  const bytes = length ?? Math.max(0, sizeBytes - offset)
  if (offset <= sizeBytes && bytes <= sizeBytes - offset) return bytes
  throw new BoxLiteError('invalid_argument', `The disk has ${sizeBytes} bytes; ${bytes} from ${offset} on are not all on it`, {
    remedy: 'Ask for less, or grow the disk with \'boxlite disk resize\'.',
    facts: { offset, length: bytes, sizeBytes },
  })
}
