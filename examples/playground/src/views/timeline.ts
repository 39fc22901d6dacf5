// The timeline: the tree of snapshots with the present at its end, and what can be done with the one that is chosen.

import type { SnapshotInfo } from 'boxlite'
import type { App } from '../app.ts'
import { byId, draw, h, moveFocus } from '../dom.ts'
import { ago, bytes } from '../format.ts'
import { icon } from '../icons.ts'
import type { Shown, State } from '../model.ts'
import { askForSnapshot, askToBranch, askToRemoveSnapshot, askToRestore } from '../questions.ts'
import { timelineRows, type TimelineRow } from '../timeline-rows.ts'
import { rails } from './rails.ts'

const caught = {
  stopped: 'taken while the box was stopped',
  frozen: 'taken while it ran, file systems at rest',
  crash: 'taken while it ran, as a power cut would leave it',
} as const

export function timelineView(app: App): void {
  const tree = byId('timeline')
  const button = byId<HTMLButtonElement>('new-snapshot')
  button.append(icon('mark'), 'Snapshot')
  button.addEventListener('click', () => void askForSnapshot(app))
  tree.addEventListener('keydown', (event) => onKey(app, tree, event))
  tree.addEventListener('focusin', (event) => {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[role=treeitem]')
    if (row !== null) app.model.update({ snapshot: row.dataset['snapshot'] ?? null })
  })
  const show = ({ shown, snapshot, selected }: State): void => {
    button.disabled = shown === null
    if (shown === null) draw(tree, h('p', { class: 'empty' }, selected === null ? 'The history of a box appears here.' : 'Reading its history…'))
    else drawTree(tree, shown, snapshot)
    const chosen = shown === null ? null : find(shown, snapshot)
    draw(byId('snapshot'), ...(chosen === null ? [] : card(app, chosen)))
  }
  app.model.watch(({ shown, snapshot, selected }) => [shown, snapshot, selected], show)
  // What was just now is soon a minute ago.
  setInterval(() => show(app.model.state), 60_000)
}

function drawTree(tree: HTMLElement, shown: Shown, chosen: string | null): void {
  const rows = timelineRows(shown.tree)
  const width = Math.max(...rows.map(({ lane, passing, leaving }) => Math.max(lane, ...passing, ...leaving))) + 1
  const known = rows.some(({ snapshot }) => snapshot !== null && snapshot.id === chosen)
  const items = rows.map((row) => treeItem(row, width, shown, known ? row.snapshot?.id === chosen : row.snapshot === null))
  const none = rows.length === 1 ? h('p', { class: 'empty' }, 'No snapshots yet. Take one before you try something.') : null
  draw(tree, h('div', { role: 'tree', 'aria-label': 'Snapshots', class: 'tree' }, ...items), none)
}

function treeItem(row: TimelineRow, width: number, shown: Shown, chosen: boolean): HTMLElement {
  const { snapshot, depth, past } = row
  const name = snapshot?.name ?? 'Now'
  const since = shown.tree.current === null ? '' : ` since '${shown.tree.current}'`
  const facts = snapshot === null ? `${bytes(shown.ownBytes)}${since}` : `${ago(snapshot.createdAt)} · ${bytes(snapshot.ownBytes)}`
  return h(
    'div',
    {
      role: 'treeitem',
      class: past ? 'moment past' : 'moment',
      tabindex: chosen ? 0 : -1,
      'data-key': snapshot?.id ?? 'now',
      'data-fallback': snapshot === null,
      'data-snapshot': snapshot?.id ?? null,
      'aria-level': depth + 1,
      'aria-selected': chosen ? 'true' : 'false',
      'aria-current': snapshot === null ? 'true' : null,
      onclick: ({ currentTarget }: { currentTarget: HTMLElement }) => currentTarget.focus(),
    },
    rails(row, width),
    h('span', { class: 'moment-name' }, name),
    h('span', { class: 'moment-facts' }, facts),
  )
}

function card(app: App, snapshot: SnapshotInfo): (Node | null)[] {
  const { name, description, createdAt, consistency, ownBytes } = snapshot
  const remove = `Remove the snapshot '${name}'`
  const forget = (): void => void askToRemoveSnapshot(app, snapshot)
  return [
    h('h3', {}, name),
    description === '' ? null : h('p', { class: 'note' }, description),
    h('p', {}, `${createdAt.toLocaleString()}, ${bytes(ownBytes)}, ${caught[consistency]}.`),
    h(
      'div',
      { class: 'row' },
      h('button', { 'data-key': 'restore', class: 'primary', onclick: () => void askToRestore(app, snapshot) }, icon('restore'), 'Restore'),
      h('button', { 'data-key': 'branch', onclick: () => void askToBranch(app, snapshot) }, icon('branch'), 'Branch'),
      h('span', { class: 'spring' }),
      h('button', { 'data-key': 'remove', class: 'quiet icon-only', title: remove, 'aria-label': remove, onclick: forget }, icon('trash')),
    ),
  ]
}

function onKey(app: App, tree: HTMLElement, event: KeyboardEvent): void {
  const { shown, snapshot: id } = app.model.state
  if (event.ctrlKey || event.altKey || event.metaKey || shown === null) return
  const snapshot = find(shown, id)
  // Also with Caps Lock.
  const key = event.key === 'B' ? 'b' : event.key
  const act = snapshot === null ? actsOnNow[key] : actsOnSnapshot[key]
  if (act === undefined && !moveFocus(tree, '[role=treeitem]', event.key)) return
  // The dialog that opens must not take this very key for its answer.
  event.preventDefault()
  if (act !== undefined) void act(app, snapshot as SnapshotInfo)
}

const actsOnNow: Readonly<Record<string, (app: App) => Promise<void>>> = {
  Enter: askForSnapshot,
  b: (app) => askToBranch(app, null),
}

const actsOnSnapshot: Readonly<Record<string, (app: App, snapshot: SnapshotInfo) => Promise<void>>> = {
  Enter: askToRestore,
  b: askToBranch,
  Delete: askToRemoveSnapshot,
}

function find(shown: Shown, id: string | null): SnapshotInfo | null {
  return timelineRows(shown.tree).find(({ snapshot }) => snapshot !== null && snapshot.id === id)?.snapshot ?? null
}
