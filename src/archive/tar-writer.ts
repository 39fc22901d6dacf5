// Writes a tar as a stream: its members one after the other, none of them held in memory.

import { BLOCK_BYTES, encodeTarHeader, paddingAfter } from './tar-header.ts'

/** A member to write. `body` yields exactly `sizeBytes` bytes; a chunk is not changed after it was yielded. */
export interface TarInput {
  readonly name: string
  readonly sizeBytes: number
  readonly body: AsyncIterable<Uint8Array>
}

/** The bytes of a tar with these members. Rejects with whatever a body rejects with. */
export async function* writeTar(members: AsyncIterable<TarInput>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { name, sizeBytes, body } of members) {
    yield encodeTarHeader(name, sizeBytes)
    let written = 0
    for await (const chunk of body) {
      written += chunk.length
      yield chunk
    }
    if (written !== sizeBytes) throw new Error(`the member '${name}' has ${written} bytes, not the ${sizeBytes} its header says`)
    yield new Uint8Array(paddingAfter(sizeBytes))
  }
  yield new Uint8Array(2 * BLOCK_BYTES)
}
