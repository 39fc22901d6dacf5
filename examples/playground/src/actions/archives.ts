// Boxes as files: out of the page, and into it.

import { archiveBlob, type Progress } from 'boxlite/browser'
import type { App } from '../app.ts'
import { download } from '../download.ts'
import type { Dropped } from '../dropped.ts'
import { freeName, titleOf } from '../format.ts'
import { show } from './boxes.ts'

/** Writes a box with its snapshots into a file that the browser saves. */
export async function exportBox(app: App, boxId: string): Promise<void> {
  const box = await app.box(boxId)
  const name = titleOf(box)
  const archive = await app.perform(`Exporting '${name}'`, ({ signal, onProgress }) => archiveBlob(box.export({ signal, onProgress })), {
    boxId,
    cancellable: true,
    done: `'${name}' was exported`,
  })
  if (archive !== null) download(archive, `${name}.box`)
}

/** Makes a box of each file, named after it. */
export async function importBoxes(app: App, { files, folders }: Dropped): Promise<void> {
  for (const folder of folders) app.fail(`Importing '${folder}'`, new Error('It is a folder. A box comes from one file, which Export makes.'))
  for (const file of files) await importBox(app, file)
}

async function importBox(app: App, file: File): Promise<void> {
  const name = freeName(file.name.replace(/\.(?:box|boxlite)$/, ''), app.model.state.boxes.map(({ name: taken }) => taken))
  const box = await app.perform(
    `Importing '${file.name}'`,
    ({ signal, progress }) => {
      // The library does not know how long the archive is; the file does.
      const onProgress = (far: Progress): void => void ('doneBytes' in far && progress(far.doneBytes, file.size))
      return app.lite.import(file, { name, signal, onProgress })
    },
    { cancellable: true, done: `'${name}' was imported` },
  )
  if (box !== null) await show(app, box)
}
