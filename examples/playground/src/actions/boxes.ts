// What is done with a whole box.

import { type Box, type CreateOptions, isBoxLiteError, takeOver } from 'boxlite/browser'
import type { App, TaskControl } from '../app.ts'
import { titleOf } from '../format.ts'
import type { Notice } from '../model.ts'
import { refresh, select } from './home.ts'

/** Makes a box, shows it and starts it; null where it was not made. */
export async function createBox(app: App, options: CreateOptions & { readonly name: string }): Promise<Box | null> {
  const { name } = options
  const making = ({ signal, onProgress }: TaskControl): Promise<Box> => app.lite.create({ ...options, signal, onProgress })
  const box = await app.perform(`Making '${name}'`, making, { cancellable: true, done: `The box '${name}' was made` })
  if (box === null) return null
  await show(app, box)
  await startBox(app, box.id)
  return box
}

/** Shows a box that is new here. */
export async function show(app: App, box: Box): Promise<void> {
  await refresh(app)
  await select(app, box.id)
}

/** Starts a box; true when its guest answers. */
export async function startBox(app: App, boxId: string): Promise<boolean> {
  const box = await app.box(boxId)
  const name = titleOf(box)
  const started = await app.perform(
    `Starting '${name}'`,
    async ({ signal, onProgress }) => {
      await box.start({ signal, onProgress })
      // Before the task is over: in between the page would say that the box does not run.
      await refresh(app)
      return true
    },
    { boxId, cancellable: true, done: `'${name}' runs`, offer: (error) => offerTakeOver(app, boxId, error) },
  )
  await refresh(app)
  return started === true
}

/** Makes a box this tab's, and starts it: the tab that had it is asked to stop it first. */
export async function takeOverBox(app: App, boxId: string): Promise<void> {
  const name = titleOf(await app.box(boxId))
  const taken = await app.perform(`Taking '${name}' over from another tab`, () => takeOver(app.lite, boxId), { boxId })
  if (taken === null) return refresh(app)
  await startBox(app, boxId)
}

function offerTakeOver(app: App, boxId: string, error: unknown): Notice['action'] {
  return isBoxLiteError(error, 'busy') ? { label: 'Take it over', run: () => void takeOverBox(app, boxId) } : null
}

export async function stopBox(app: App, boxId: string): Promise<void> {
  const box = await app.box(boxId)
  const name = titleOf(box)
  await app.perform(`Stopping '${name}'`, ({ onProgress }) => box.stop({ onProgress }), { boxId, done: `'${name}' has stopped` })
  await refresh(app)
}

export async function removeBox(app: App, boxId: string): Promise<void> {
  const box = await app.box(boxId)
  const name = titleOf(box)
  await app.perform(`Removing '${name}'`, ({ onProgress }) => box.remove({ force: true, onProgress }), { boxId, done: `'${name}' was removed` })
  await refresh(app)
  const next = app.model.state.boxes[0]
  if (app.model.state.selected === null && next !== undefined) await select(app, next.id)
}

/** Has the guests write out what they hold back: the tab may be closed next. */
export async function syncAll(app: App): Promise<void> {
  await Promise.all(
    app.model.state.here.map(async (id) => {
      try {
        const box = await app.lite.get(id)
        // One that is being stopped would be started again for it.
        if (box !== null && (await box.info()).state === 'running') await box.exec('sync')
      } catch (error) {
        // A box without programs cannot; it may also have stopped in this moment.
        if (!isBoxLiteError(error)) throw error
      }
    }),
  )
}
