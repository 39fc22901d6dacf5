// The engine's refusals, put into words.

import { BoxLiteError, type ErrorCode } from '../error.ts'
import { Field, Refusal } from './abi.ts'

const fieldNames = new Map<number, string>(Object.entries(Field).map(([name, code]) => [code, name.toLowerCase()]))

const reasons: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  [Refusal.NOT_QCOW2]: ['corrupt', 'is not that of a qcow2 image'],
  [Refusal.TRUNCATED]: ['corrupt', 'is cut off by the end of the file'],
  [Refusal.VALUE]: ['corrupt', 'has a value that qcow2 does not allow'],
  [Refusal.UNALIGNED]: ['corrupt', 'is not on a cluster boundary'],
  [Refusal.OUTSIDE]: ['corrupt', 'lies outside its place'],
  [Refusal.OVERLAP]: ['corrupt', 'lies where another structure is'],
  [Refusal.RESERVED]: ['corrupt', 'has reserved bits set'],
  [Refusal.DUPLICATE]: ['corrupt', 'occurs twice'],
  [Refusal.TEXT]: ['corrupt', 'is not printable text of an allowed length'],
  [Refusal.UNSUPPORTED]: ['unsupported', 'asks for something that is not supported'],
  [Refusal.LIMIT]: ['limit', 'is over its limit'],
  [Refusal.ARGUMENT]: ['invalid_argument', 'is not what this disk can do'],
  [Refusal.NAME]: ['unsupported', 'leaves the directory of the image'],
}

/** What is not supported, where a sentence says more than the field's name. */
const unsupported: Readonly<Record<number, string>> = {
  [Field.CRYPT_METHOD]: 'encrypted images are not supported',
  [Field.DATA_FILE]: 'images with an external data file are not supported',
  [Field.BACKING_FORMAT]: 'the header does not say that the backing file is raw or qcow2, and formats are never guessed',
  [Field.COMPRESSED_CLUSTER]: 'compressed clusters are read, not written over; write into an overlay on this image',
  [Field.WRITABLE_FORM]: 'only images of the form that this package makes are written; write into an overlay on this one',
}

/** What else is known about a refusal. */
export interface RefusalContext {
  /** The image that is refused, as people call it. */
  readonly image?: string
  /** The value found in the field. */
  readonly value?: number
  /** The name of an unknown feature. */
  readonly feature?: string
}

/** The name of a `Field`, as refusals give it in `facts.field`. */
export function fieldName(field: number): string {
  return fieldNames.get(field) ?? `field ${field}`
}

/** The error for a `Refusal` about a `Field`. */
export function refusalError(refusal: number, field: number, context: RefusalContext = {}): BoxLiteError {
  const [code, reason] = reasons[refusal] ?? ['corrupt', `is refused (${refusal})`]
  const name = fieldName(field)
  const subject = context.image === undefined ? '' : `${context.image}: `
  const feature = context.feature === undefined ? '' : ` ('${context.feature}')`
  const value = context.value === undefined ? {} : { value: context.value }
  const image = context.image === undefined ? {} : { image: context.image }
  const sentence = refusal === Refusal.UNSUPPORTED ? unsupported[field] : undefined
  return new BoxLiteError(code, `${subject}${sentence ?? `${name}${feature} ${reason}`}`, { facts: { field: name, ...value, ...image } })
}
