// What is done with the snapshots of the box that is shown.

import type { App } from '../app.ts'
import { titleOf } from '../format.ts'
import { show } from './boxes.ts'
import { refresh } from './home.ts'

export async function takeSnapshot(app: App, boxId: string, name: string, description: string): Promise<boolean> {
  const box = await app.box(boxId)
  const taken = await app.perform(`Taking the snapshot '${name}'`, ({ onProgress }) => box.snapshot.create(name, { description, onProgress }), {
    boxId,
    done: `The snapshot '${name}' was taken`,
  })
  await refresh(app)
  if (taken !== null) app.model.update({ snapshot: taken.id })
  return taken !== null
}

/** Puts the disk back; a box that runs is stopped for it and started again. */
export async function restoreSnapshot(app: App, boxId: string, name: string, keepCurrent: string | null): Promise<boolean> {
  const box = await app.box(boxId)
  const running = app.model.state.boxes.find(({ id }) => id === boxId)?.state === 'running'
  const options = { restart: running, ...(keepCurrent === null ? {} : { keepCurrent }) }
  const restored = await app.perform(
    `Restoring '${name}'`,
    async ({ onProgress }) => {
      await box.snapshot.restore(name, { ...options, onProgress })
      return true
    },
    { boxId, done: `The disk is again what it was at '${name}'` },
  )
  await refresh(app)
  return restored === true
}

/** Makes a box of a snapshot, or of the disk as it is. No bytes are copied. */
export async function branchBox(app: App, boxId: string, snapshot: string | null, name: string): Promise<void> {
  const box = await app.box(boxId)
  const clone = await app.perform(
    `Branching '${name}' off '${titleOf(box)}'`,
    ({ onProgress }) => box.clone({ name, onProgress, ...(snapshot === null ? {} : { snapshot }) }),
    { boxId, done: `The box '${name}' was made` },
  )
  if (clone !== null) await show(app, clone)
}

export async function removeSnapshot(app: App, boxId: string, name: string): Promise<void> {
  const box = await app.box(boxId)
  await app.perform(`Removing the snapshot '${name}'`, ({ onProgress }) => box.snapshot.remove(name, { onProgress }), {
    boxId,
    done: `The snapshot '${name}' was removed`,
  })
  app.model.update({ snapshot: null })
  await refresh(app)
}
