// What the shortcuts do.

import type { App } from './app.ts'
import { byId } from './dom.ts'
import type { Pane } from './model.ts'
import { askForBox, askForSnapshot } from './questions.ts'
import { shortcutOf, type ShortcutName } from './shortcuts.ts'
import type { Terminals } from './terminals.ts'
import { showShortcuts } from './views/bar.ts'
import { togglePower } from './views/box.ts'
import { showPane } from './views/panes.ts'

export function listenToKeys(app: App, terminals: Terminals): void {
  const into = (pane: Pane, first: string): void => {
    showPane(app, pane)
    // A pane that was hidden takes the focus when it is drawn.
    queueMicrotask(() => queueMicrotask(() => focusFirst(byId(`${pane}-pane`), first)))
  }
  const acts: Readonly<Record<ShortcutName, () => void>> = {
    leave: () => {
      if (byId('terminals').contains(document.activeElement)) return into('timeline', '[role=treeitem][tabindex="0"]')
      showPane(app, 'terminal')
      queueMicrotask(() => queueMicrotask(() => terminals.focus()))
    },
    boxes: () => into('boxes', '[aria-current]'),
    timeline: () => into('timeline', '[role=treeitem][tabindex="0"]'),
    files: () => into('files', '.entry-open'),
    lesson: () => into('lesson', '[data-key=check], [data-key=begin]'),
    create: () => void askForBox(app),
    snapshot: () => void askForSnapshot(app),
    power: () => togglePower(app),
    help: () => showShortcuts(terminals),
  }
  document.addEventListener('keydown', (event) => {
    const name = shortcutOf(event)
    if (name === null || app.model.state.phase !== 'open') return
    event.preventDefault()
    // One question at a time.
    if (document.querySelector('dialog[open]') === null) acts[name]()
  })
}

function focusFirst(pane: HTMLElement, selector: string): void {
  const first = pane.querySelector<HTMLElement>(selector) ?? pane.querySelector<HTMLElement>('button:not(:disabled), [tabindex="0"]') ?? pane
  first.focus()
}
