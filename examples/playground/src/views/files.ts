// The files of the box that is shown.

import type { FileEntry } from 'boxlite'
import { downloadEntry, join, kindBehind, openDirectory, parentOf, reloadDirectory, uploadFiles, viewFile } from '../actions/files.ts'
import type { App } from '../app.ts'
import { tell } from '../dialogs.ts'
import { byId, draw, h, moveFocus } from '../dom.ts'
import { bytes } from '../format.ts'
import { icon, type IconName } from '../icons.ts'
import type { Directory } from '../model.ts'
import type { Terminals } from '../terminals.ts'
import { onDrop } from './drop.ts'

const HOME = '/root'

const icons: Readonly<Record<string, IconName>> = { directory: 'folder', link: 'link' }

export function filesView(app: App, terminals: Terminals): void {
  const pane = byId('files-pane')
  const input = byId<HTMLInputElement>('upload-file')
  input.addEventListener('change', () => {
    void uploadFiles(app, { files: [...(input.files ?? [])], folders: [] })
    input.value = ''
  })
  // What is typed in the terminal may have made or removed files.
  terminals.onQuiet((boxId) => {
    const { directory, side } = app.model.state
    if (directory !== null && directory.boxId === boxId && side === 'files') void reloadDirectory(app)
  })
  onDrop(pane, (dropped) => void uploadFiles(app, dropped))
  pane.addEventListener('keydown', (event) => {
    if (!event.ctrlKey && moveFocus(pane, '.entry-open', event.key)) event.preventDefault()
    if (event.key === 'Backspace') up(app)
  })
  app.model.watch(
    ({ directory, selected, boxes, here, side, pane: seen }) => [directory, selected, boxes, here, side, seen],
    ({ directory, side, pane: seen }) => {
      const runs = app.model.boxHere !== null
      // Looked at when somebody can see it, and not before the box runs.
      if (runs && directory === null && (side === 'files' || seen === 'files')) void openDirectory(app, HOME)
      draw(pane, ...(runs && directory !== null ? listing(app, directory) : [h('p', { class: 'empty' }, words(app))]))
    },
  )
}

function words(app: App): string {
  const { box, boxHere } = app.model
  if (box === null) return 'The files of a box appear here.'
  return boxHere === null ? 'Files are shown while the box runs in this tab.' : 'Reading…'
}

function listing(app: App, directory: Directory): Node[] {
  const { path, entries, more } = directory
  return [
    h('div', { class: 'path' }, ...crumbs(app, path)),
    h(
      'div',
      { class: 'row' },
      h('button', { 'data-key': 'upload', onclick: () => byId('upload-file').click() }, icon('upload'), 'Upload'),
      h('button', { class: 'quiet', 'data-key': 'up', disabled: path === '/', onclick: () => up(app) }, icon('up'), 'Up'),
      h('button', { class: 'quiet', 'data-key': 'reload', onclick: () => void reloadDirectory(app) }, icon('refresh'), 'Reload'),
    ),
    entries.length === 0
      ? h('p', { class: 'empty' }, 'Nothing here. Drop files to put them into the box.')
      : h('ul', { class: 'entries', 'aria-label': `Files in ${path}` }, ...entries.map((entry) => entryRow(app, path, entry))),
    ...(more === 0 ? [] : [h('p', { class: 'empty' }, `There are ${more} more; ls shows them in the terminal.`)]),
  ]
}

function crumbs(app: App, path: string): Node[] {
  const parts = path.split('/').filter((part) => part !== '')
  const crumb = (label: string, target: string): HTMLElement =>
    h('button', { class: 'crumb', 'data-key': `crumb-${target}`, onclick: () => void openDirectory(app, target) }, label)
  return [crumb('/', '/'), ...parts.map((part, index) => crumb(`${part}/`, `/${parts.slice(0, index + 1).join('/')}`))]
}

function entryRow(app: App, path: string, entry: FileEntry): HTMLElement {
  const { name, kind, sizeBytes, modifiedAt, target } = entry
  const opens = kind === 'directory' || kind === 'file' || kind === 'link'
  const open = h(
    'button',
    {
      class: 'entry-open',
      'data-key': `open-${path}-${name}`,
      title: `${kind}, changed ${modifiedAt.toLocaleString()}`,
      disabled: !opens,
      onclick: () => void openEntry(app, path, entry),
    },
    icon(icons[kind] ?? 'file'),
    h('span', { class: 'entry-name' }, name, target === null ? null : h('span', { class: 'entry-target' }, ` → ${target}`)),
    h('span', { class: 'entry-size' }, kind === 'file' ? bytes(sizeBytes) : ''),
  )
  const download = h(
    'button',
    {
      class: 'quiet icon-only',
      'data-key': `get-${path}-${name}`,
      'aria-label': `Download '${name}'`,
      title: kind === 'directory' ? 'Download as a tar' : 'Download',
      onclick: () => void downloadEntry(app, entry),
    },
    icon('download'),
  )
  return h('li', { class: 'entry' }, open, kind === 'file' || kind === 'directory' ? download : null)
}

async function openEntry(app: App, path: string, entry: FileEntry): Promise<void> {
  const kind = entry.kind === 'link' ? await kindBehind(app, entry) : entry.kind
  if (kind === 'directory') await openDirectory(app, join(path, entry.name))
  else if (kind !== null) await showText(app, entry)
}

async function showText(app: App, entry: FileEntry): Promise<void> {
  const file = await viewFile(app, entry)
  if (file === null) return
  const more = file.cut ? [h('p', { class: 'empty' }, 'There is more; download the file to see all of it.')] : []
  tell(file.path, h('pre', { class: 'text', tabindex: 0 }, file.text), ...more)
}

function up(app: App): void {
  const { directory } = app.model.state
  if (directory !== null && directory.path !== '/') void openDirectory(app, parentOf(directory.path))
}
