// Opening the home, and looking at what is in it.

import { askToPersist as persist, BoxLite, lostHome, readStorageState } from 'boxlite/browser'
import type { App } from '../app.ts'
import { counted } from '../format.ts'
import { recall, remember } from '../memory.ts'
import type { Shown } from '../model.ts'
import { watch } from './watch.ts'

/** Opens the home of this origin with the guest that is served beside the page. */
export async function openHome(app: App): Promise<boolean> {
  const assets = new URL('guest/', document.baseURI)
  const lite = await app.perform('Opening the boxes of this browser', (task) =>
    BoxLite.open({ assets, onProgress: task.onProgress }),
  )
  if (lite === null) {
    app.model.update({ phase: 'failed' })
    return false
  }
  app.opened(lite)
  app.model.update({ phase: 'open', engine: lite.engine })
  for (const { name, boxId, error } of lite.recovered) {
    if (error !== null) app.fail(`Recovering the box '${name ?? boxId}'`, error)
  }
  const lost = lostHome(lite)
  if (lost !== null) app.fail('Finding the boxes of your last visit', lostSince(lost))
  await refresh(app)
  const known = recall('selected')
  const { boxes } = app.model.state
  const first = boxes.find(({ id }) => id === known) ?? boxes[0]
  if (first !== undefined) await select(app, first.id)
  return true
}

/** The library finds out; that somebody deleted a database is no failure of its own. */
function lostSince(made: Date): Error {
  const day = made.toLocaleDateString()
  return new Error(`The boxes that were kept here since ${day} are gone: the browser or somebody cleared this site's data. This is a new home.`)
}

/** The reading that is under way, and the one that follows it. */
let reading: Promise<void> | null = null
let next: Promise<void> | null = null

/** Reads anew what the page shows of the home; resolves when all is shown that was so when this was called. */
export function refresh(app: App): Promise<void> {
  if (reading === null) {
    reading = read(app).finally(() => (reading = null))
    return reading
  }
  next ??= reading.then(() => {
    next = null
    return refresh(app)
  })
  return next
}

/** Shows a box. */
export async function select(app: App, boxId: string): Promise<void> {
  remember('selected', boxId)
  app.model.update({ selected: boxId, shown: null, snapshot: null, directory: null })
  await refresh(app)
}

async function read(app: App): Promise<void> {
  try {
    const boxes = await app.lite.list()
    const { selected } = app.model.state
    const shown = boxes.some(({ id }) => id === selected) ? await readShown(app, selected) : null
    // Another box was chosen in the meantime: it is read next.
    if (app.model.state.selected !== selected) app.model.update({ boxes })
    else if (shown === null) app.model.update({ boxes, selected: null, shown, snapshot: null, directory: null })
    else app.model.update({ boxes, shown })
    await refreshStorage(app)
  } catch (error) {
    app.fail('Reading the boxes', error)
  }
}

/** Null: the box was removed. */
async function readShown(app: App, boxId: string | null): Promise<Shown | null> {
  const box = boxId === null ? null : await app.lite.get(boxId)
  if (box === null) return null
  watch(app, box, () => void refresh(app))
  const [tree, { disk }] = await Promise.all([box.snapshot.tree(), box.info()])
  return { boxId: box.id, tree, ownBytes: disk.ownBytes }
}

export async function refreshStorage(app: App): Promise<void> {
  app.model.update({ storage: await readStorageState() })
}

/** Asks the browser not to clear the boxes away when space is short. */
export async function askToPersist(app: App): Promise<void> {
  const storage = await persist()
  app.model.update({ storage })
  app.say(storage.isPersistent ? 'The browser keeps the boxes' : 'The browser did not grant it')
}

/** Gives back the space of what no box reaches. */
export async function freeSpace(app: App): Promise<void> {
  await app.perform('Freeing space', ({ onProgress }) => app.lite.prune({ onProgress }), { done: 'Space was freed' })
  await refreshStorage(app)
}

/** Checks every disk. */
export async function checkHome(app: App): Promise<void> {
  const report = await app.perform('Checking the disks', (task) => app.lite.fsck(task), { cancellable: true })
  if (report === null) return
  const leftovers = report.findings.filter(({ severity }) => severity === 'leftover').length
  const wrong = report.findings.filter(({ severity }) => severity === 'damage' || severity === 'unfinished')
  if (!report.clean) app.fail('Checking the disks', new Error(wrong.map(({ message }) => message).join(' ')))
  else app.say(leftovers === 0 ? 'All disks are sound' : `All disks are sound; ${counted(leftovers, 'file')} nobody needs can be freed`)
}
