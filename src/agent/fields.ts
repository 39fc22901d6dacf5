// The fields of a frame: tag u8, length u32, bytes, one after the other.

import { Violation } from './frame.ts'

/** A field to send. */
export interface Field {
  readonly tag: number
  readonly value: Uint8Array
}

const OVERHEAD_BYTES = 5

export function textField(tag: number, text: string): Field {
  return { tag, value: new TextEncoder().encode(text) }
}

export function u32Field(tag: number, value: number): Field {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return { tag, value: bytes }
}

export function u64Field(tag: number, value: bigint): Field {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value, true)
  return { tag, value: bytes }
}

/** Bytes that `fields` take in a frame. */
export function fieldsBytes(fields: readonly Field[]): number {
  return fields.reduce((sum, { value }) => sum + OVERHEAD_BYTES + value.length, 0)
}

/** The fields after `head`, as one payload. */
export function encodeFields(fields: readonly Field[], head: Uint8Array = new Uint8Array(0)): Uint8Array {
  const payload = new Uint8Array(head.length + fieldsBytes(fields))
  const view = new DataView(payload.buffer)
  payload.set(head)
  let at = head.length
  for (const { tag, value } of fields) {
    payload[at] = tag
    view.setUint32(at + 1, value.length, true)
    payload.set(value, at + OVERHEAD_BYTES)
    at += OVERHEAD_BYTES + value.length
  }
  return payload
}

/** What came in an answer, read by tag. Throws a `Violation` for a field that is absent or too short. */
export class Fields {
  readonly #values = new Map<number, Uint8Array>()

  constructor(payload: Uint8Array) {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    for (let at = 0; at < payload.length; ) {
      if (payload.length - at < OVERHEAD_BYTES) throw new Violation('fields that end in the middle of one')
      const end = at + OVERHEAD_BYTES + view.getUint32(at + 1, true)
      if (end > payload.length) throw new Violation('a field that is longer than its frame')
      this.#values.set(view.getUint8(at), payload.subarray(at + OVERHEAD_BYTES, end))
      at = end
    }
  }

  bytes(tag: number): Uint8Array | undefined {
    return this.#values.get(tag)
  }

  text(tag: number): string | undefined {
    const value = this.#values.get(tag)
    return value === undefined ? undefined : new TextDecoder().decode(value)
  }

  u8(tag: number): number {
    return this.#number(tag, 1).getUint8(0)
  }

  u32(tag: number): number {
    return this.#number(tag, 4).getUint32(0, true)
  }

  u64(tag: number): bigint {
    return this.#number(tag, 8).getBigUint64(0, true)
  }

  #number(tag: number, bytes: number): DataView {
    const value = this.#values.get(tag)
    if (value?.length !== bytes) throw new Violation(`an answer without a field ${tag} of ${bytes} bytes`)
    return new DataView(value.buffer, value.byteOffset, bytes)
  }
}
