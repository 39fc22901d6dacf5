// Which pane is seen where there is no room for all, and the two tabs at the side.

import type { App } from '../app.ts'
import { byId, draw, h } from '../dom.ts'
import { remember } from '../memory.ts'
import type { Pane } from '../model.ts'

const panes: Readonly<Record<Pane, string>> = { boxes: 'Boxes', timeline: 'Timeline', terminal: 'Terminal', files: 'Files', lesson: 'Lesson' }

export function panesView(app: App): void {
  const { model } = app
  const frame = document.querySelector<HTMLElement>('.panes')
  for (const side of ['files', 'lesson'] as const) byId(`${side}-tab`).addEventListener('click', () => model.update({ side, pane: side }))
  byId('side').querySelector('[role=tablist]')?.addEventListener('keydown', (event) => {
    const { key } = event as KeyboardEvent
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
    const side = model.state.side === 'files' ? 'lesson' : 'files'
    model.update({ side, pane: side })
    byId(`${side}-tab`).focus()
  })
  model.watch(
    ({ pane, side }) => [pane, side],
    ({ pane, side }) => {
      if (frame !== null) frame.dataset['pane'] = pane
      byId('side').dataset['side'] = side
      remember('side', side)
      for (const name of ['files', 'lesson'] as const) {
        byId(`${name}-tab`).setAttribute('aria-selected', String(name === side))
        byId(`${name}-tab`).tabIndex = name === side ? 0 : -1
        byId(`${name}-pane`).hidden = name !== side
      }
      draw(byId('pane-switch'), ...(Object.keys(panes) as Pane[]).map((name) =>
        h('button', { 'data-key': name, 'aria-pressed': name === pane ? 'true' : 'false', onclick: () => showPane(app, name) }, panes[name])))
    },
  )
}

/** Shows a pane, also where only one is seen. */
export function showPane(app: App, pane: Pane): void {
  app.model.update({ pane, ...(pane === 'files' || pane === 'lesson' ? { side: pane } : {}) })
}
