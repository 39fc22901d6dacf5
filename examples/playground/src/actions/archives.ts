// Boxes as files: out of the page, and into it.

import type { Progress } from 'boxlite'
import type { App } from '../app.ts'
import { titleOf } from '../format.ts'
import { chunksOf } from '../chunks.ts'
import { download } from '../download.ts'
import { show } from './boxes.ts'

/** Writes a box with its snapshots into a file that the browser saves. */
export async function exportBox(app: App, boxId: string): Promise<void> {
  const box = await app.box(boxId)
  const name = titleOf(box)
  const parts = await app.perform(
    `Exporting '${name}'`,
    async ({ signal, onProgress }) => {
      const kept: Blob[] = []
      // A blob of each chunk: the browser may keep it on disk, while an array stays in memory.
      for await (const chunk of box.export({ signal, onProgress })) kept.push(new Blob([chunk.slice()]))
      return kept
    },
    { boxId, cancellable: true, done: `'${name}' was exported` },
  )
  if (parts !== null) download(new Blob(parts, { type: 'application/octet-stream' }), `${name}.box`)
}

/** Makes a box of a file. Where a box has its name, the new one gets another. */
export async function importBox(app: App, file: File): Promise<void> {
  const taken = new Set(app.model.state.boxes.map(({ name }) => name))
  const stem = file.name.replace(/\.(?:box|boxlite)$/, '')
  let name = stem
  for (let number = 2; taken.has(name); number++) name = `${stem}-${number}`
  const box = await app.perform(
    `Importing '${file.name}'`,
    ({ signal, progress }) => {
      const onProgress = (far: Progress): void => void ('doneBytes' in far && progress(far.doneBytes, file.size))
      return app.lite.import(chunksOf(file.stream()), { name, signal, onProgress })
    },
    { cancellable: true, done: `'${name}' was imported` },
  )
  if (box !== null) await show(app, box)
}
