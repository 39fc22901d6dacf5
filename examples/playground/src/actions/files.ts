// The files of the box that is shown.

import { archiveBlob, type Box, type FileEntry, isBoxLiteError } from 'boxlite/browser'
import type { App } from '../app.ts'
import { chunksOf } from '../chunks.ts'
import { download } from '../download.ts'
import type { Dropped } from '../dropped.ts'
import type { Directory } from '../model.ts'

/** More than a person reads; what is longer is shown up to here. */
const VIEW_LIMIT_BYTES = 256 * 1024
/** More than a person looks through; a box can have any number of files, and a page cannot show it. */
const LIST_LIMIT = 500

/** What a file holds, as far as it is shown. */
export interface ViewedFile {
  readonly path: string
  readonly text: string
  /** Whether there is more than is shown. */
  readonly cut: boolean
}

/** The directory that was asked for last: an answer about another one comes too late. */
let wanted = '/'

/** Shows a directory. Only of a box that runs: looking must not start one. */
export async function openDirectory(app: App, path: string): Promise<void> {
  const boxId = app.model.boxHere?.id
  if (boxId === undefined) return
  wanted = path
  try {
    const box = await app.box(boxId)
    const directory = listingOf(boxId, path, await box.files.list(path))
    const { selected, directory: shown } = app.model.state
    // What looks the same is not drawn again, under the hand of somebody who clicks on it.
    if (selected === boxId && wanted === path && !isSame(directory, shown)) app.model.update({ directory })
  } catch (error) {
    if (wanted !== path) return
    // A directory that is gone: a restore or a `rm -rf` may have taken it. Its parent is next best.
    if (isGone(error) && path !== '/') return openDirectory(app, parentOf(path))
    wanted = app.model.state.directory?.path ?? '/'
    app.fail(`Listing '${path}'`, error)
  }
}

/** Looks anew at the directory that is shown, or will be next. */
export function reloadDirectory(app: App): Promise<void> {
  return openDirectory(app, wanted)
}

export async function uploadFiles(app: App, { files, folders }: Dropped): Promise<void> {
  const { directory } = app.model.state
  const first = folders[0] ?? files[0]?.name
  if (first === undefined) return
  // Neither would a box be started for it that was stopped, nor is there a place to put it.
  if (directory === null || directory.boxId !== app.model.boxHere?.id) {
    return app.fail(`Uploading '${first}'`, new Error('Files go into a box that runs in this tab. Start one first.'))
  }
  for (const folder of folders) app.fail(`Uploading '${folder}'`, new Error('It is a folder. Drop the files that are in it, or pack it into one.'))
  const box = await app.box(directory.boxId)
  for (const file of files) {
    const path = join(directory.path, file.name)
    await app.perform(
      `Uploading '${file.name}'`,
      ({ signal, onProgress }) => box.files.copyIn(file, path, { signal, onProgress }),
      { boxId: box.id, cancellable: true, done: `'${file.name}' was uploaded to ${directory.path}` },
    )
  }
  await reloadDirectory(app)
}

/** Has the browser save a file, or a directory as a tar. */
export async function downloadEntry(app: App, entry: FileEntry): Promise<void> {
  const { directory } = app.model.state
  if (directory === null) return
  const box = await app.box(directory.boxId)
  const path = join(directory.path, entry.name)
  const whole = entry.kind === 'directory'
  const bytes = whole ? box.files.copyOut(path) : box.files.readStream(path)
  const content = await app.perform(
    `Downloading '${entry.name}'`,
    ({ signal, progress }) => archiveBlob(counted(chunksOf(bytes, signal), (doneBytes) => progress(doneBytes, whole ? null : entry.sizeBytes))),
    { boxId: box.id, cancellable: true, done: `'${entry.name}' was downloaded` },
  )
  if (content !== null) download(content, whole ? `${entry.name}.tar` : entry.name)
}

/** The beginning of a file as text; null where it could not be read or is not text. */
export async function viewFile(app: App, entry: FileEntry): Promise<ViewedFile | null> {
  const { directory } = app.model.state
  if (directory === null) return null
  const path = join(directory.path, entry.name)
  return app.perform(`Reading '${entry.name}'`, async () => readText(await app.box(directory.boxId), path, entry.sizeBytes))
}

/** What a link leads to; null where that is told as a failure. */
export async function kindBehind(app: App, { name }: FileEntry): Promise<FileEntry['kind'] | null> {
  const { directory } = app.model.state
  if (directory === null) return null
  const followed = await app.perform(`Following '${name}'`, async () => (await app.box(directory.boxId)).files.stat(join(directory.path, name)))
  return followed?.kind ?? null
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

export function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

async function readText(box: Box, path: string, sizeBytes: number): Promise<ViewedFile> {
  const bytes = await box.files.read(path, { length: VIEW_LIMIT_BYTES })
  if (bytes.includes(0)) throw new Error('This file is not text. Download it to look at it with another program.')
  return { path, text: new TextDecoder().decode(bytes), cut: sizeBytes > bytes.length }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, tell: (doneBytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
  let doneBytes = 0
  for await (const chunk of chunks) {
    yield chunk
    doneBytes += chunk.length
    tell(doneBytes)
  }
}

function listingOf(boxId: string, path: string, entries: readonly FileEntry[]): Directory {
  return { boxId, path, entries: entries.toSorted(byKind).slice(0, LIST_LIMIT), more: Math.max(0, entries.length - LIST_LIMIT) }
}

function isSame(directory: Directory, shown: Directory | null): boolean {
  return JSON.stringify(directory) === JSON.stringify(shown)
}

function isGone(error: unknown): boolean {
  return isBoxLiteError(error) && ['ENOENT', 'ENOTDIR'].includes(String(error.facts['errno']))
}

/** Directories first. The library gives them by name. */
function byKind(a: FileEntry, b: FileEntry): number {
  return Number(b.kind === 'directory') - Number(a.kind === 'directory')
}
