// Work on a sequence with several items under way at once.

/** How many items are under way at once by default: enough to keep a disk and four threads busy. */
export const PIPELINE_WIDTH = 4

/**
 * Prepares items, `width` at once, and finishes them one by one in their order. The first error ends it: nothing new is
 * begun, and it rejects when all that was under way has ended.
 */
export async function inOrder<Item, Prepared>(
  items: AsyncIterable<Item>,
  prepare: (item: Item) => Promise<Prepared>,
  finish: (prepared: Prepared) => Promise<void>,
  width: number = PIPELINE_WIDTH,
): Promise<void> {
  const underWay: Promise<Prepared>[] = []
  try {
    for await (const item of items) {
      const prepared = prepare(item)
      // Awaited below, or after an error; in between nobody else must think it unhandled.
      prepared.catch(() => undefined)
      underWay.push(prepared)
      if (underWay.length >= width) await finish(await underWay.shift()!)
    }
    while (underWay.length > 0) await finish(await underWay.shift()!)
  } finally {
    await Promise.allSettled(underWay)
  }
}

/** Works on items, `width` at once, in any order. The same rule for errors. */
export async function atOnce<Item>(items: AsyncIterable<Item>, work: (item: Item) => Promise<void>, width: number = PIPELINE_WIDTH): Promise<void> {
  const underWay = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | null = null
  for await (const item of items) {
    const done = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .finally(() => underWay.delete(done))
    underWay.add(done)
    if (underWay.size >= width) await Promise.race(underWay)
    if (failure !== null) break
  }
  await Promise.all(underWay)
  if (failure !== null) throw (failure as { readonly error: unknown }).error
}
