// Opening the home, and looking at what is in it.

import { BoxLite } from 'boxlite'
import type { App } from '../app.ts'
import { recall, remember } from '../memory.ts'

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
  await refresh(app)
  const known = recall('selected')
  const { boxes } = app.model.state
  const first = boxes.find(({ id }) => id === known) ?? boxes[0]
  if (first !== undefined) await select(app, first.id)
  return true
}

/** Reads anew what the page shows of the home. */
export async function refresh(app: App): Promise<void> {
  const boxes = await app.lite.list()
  const { selected } = app.model.state
  const there = boxes.some(({ id }) => id === selected)
  app.model.update({ boxes, selected: there ? selected : null, ...(there ? {} : { shown: null, snapshot: null, directory: null }) })
  if (there) await refreshShown(app)
  await refreshStorage(app)
}

/** Shows a box. */
export async function select(app: App, boxId: string): Promise<void> {
  remember('selected', boxId)
  app.model.update({ selected: boxId, shown: null, snapshot: null, directory: null })
  await refreshShown(app)
}

async function refreshShown(app: App): Promise<void> {
  const { selected } = app.model.state
  if (selected === null) return
  const box = await app.lite.get(selected)
  if (box === null) return
  try {
    const [tree, { disk }] = await Promise.all([box.snapshot.tree(), box.info()])
    if (app.model.state.selected !== selected) return
    app.model.update({ shown: { boxId: selected, tree, ownBytes: disk.ownBytes, diskBytes: disk.virtualSizeBytes } })
  } catch (error) {
    app.fail('Reading the box', error)
  }
}

export async function refreshStorage(app: App): Promise<void> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate()
  app.model.update({ storage: { usedBytes: usage, quotaBytes: quota, persisted: await navigator.storage.persisted() } })
}

/** Asks the browser not to clear the boxes away when space is short. */
export async function askToPersist(app: App): Promise<void> {
  const granted = await navigator.storage.persist()
  app.say(granted ? 'The browser keeps the boxes' : 'The browser did not grant it')
  await refreshStorage(app)
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
  const found = report.findings.map(({ message }) => message).join(' ')
  if (found === '') app.say('All disks are sound')
  else app.fail('Checking the disks', new Error(found))
}
