// Which box has a name, found by reading the records. A home that keeps an index has a faster answer.

import type { Store } from '../host.ts'
import type { BoxRecord } from './record.ts'

const decoder = new TextDecoder()
const suffix = '.json'

/** The id of the box whose name is `name`, or null. A record that cannot be understood has no name. */
export async function findName(store: Store, name: string): Promise<string | null> {
  for (const entry of await store.list('boxes')) {
    if (!/^[0-9a-f]{32}\.json$/.test(entry)) continue
    const id = entry.slice(0, -suffix.length)
    const bytes = await store.readRecord('boxes', id)
    if (bytes !== null && nameOf(bytes) === name) return id
  }
  return null
}

function nameOf(bytes: Uint8Array): string | null {
  try {
    const record = JSON.parse(decoder.decode(bytes)) as Partial<BoxRecord> | null
    return record?.name ?? null
  } catch (cause) {
    if (cause instanceof SyntaxError) return null
    throw cause
  }
}
