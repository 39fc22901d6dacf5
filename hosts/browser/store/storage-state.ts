// What the browser says of the space that this site may use.

export interface StorageState {
  /** Whether the browser keeps this site's data until a person removes it. Else it may delete everything when space gets short. */
  readonly isPersistent: boolean
  /** What all of this site takes; null where the browser does not tell. */
  readonly usedBytes: number | null
  /** What it may take; null where the browser does not tell. */
  readonly quotaBytes: number | null
}

/** What the browser says now. In a page or a worker. */
export async function readStorageState(): Promise<StorageState> {
  const [isPersistent, { usage, quota }] = await Promise.all([navigator.storage.persisted(), navigator.storage.estimate()])
  return { isPersistent, usedBytes: usage ?? null, quotaBytes: quota ?? null }
}

/** Asks the browser to keep this site's data; some ask the person in turn. Only a page can. */
export async function askToPersist(): Promise<StorageState> {
  // No is an answer too, which the state tells.
  await navigator.storage.persist()
  return readStorageState()
}
