// The list of boxes.

import type { BoxInfo } from 'boxlite'
import { importBoxes } from '../actions/archives.ts'
import { select } from '../actions/home.ts'
import type { App } from '../app.ts'
import { byId, draw, h, moveFocus } from '../dom.ts'
import { counted, titleOf } from '../format.ts'
import { icon } from '../icons.ts'
import { askForBox, askToRemoveBox } from '../questions.ts'
import { onDrop } from './drop.ts'

export function boxesView(app: App): void {
  const list = byId('boxes')
  const create = byId('new-box')
  create.append(icon('plus'), 'New')
  create.addEventListener('click', () => void askForBox(app))
  importing(app)
  list.addEventListener('keydown', (event) => {
    if (moveFocus(list, 'button', event.key)) event.preventDefault()
    else if (event.key === 'Delete') void removeFocused(app)
  })
  app.model.watch(
    ({ boxes, selected, phase }) => [boxes, selected, phase],
    ({ boxes, selected, phase }) => {
      for (const id of ['new-box', 'import']) byId<HTMLButtonElement>(id).disabled = phase !== 'open'
      const none = phase === 'open' ? 'No boxes yet. Make one, or drop the file of one here.' : phase === 'opening' ? 'Looking for boxes…' : ''
      if (boxes.length === 0) draw(list, h('p', { class: 'empty' }, none))
      else draw(list, h('ul', {}, ...boxes.map((box) => h('li', {}, boxButton(app, box, box.id === selected)))))
    },
  )
}

/** The one that has the focus, which may not be the one that is shown. */
async function removeFocused(app: App): Promise<void> {
  const id = (document.activeElement as HTMLElement | null)?.dataset['key']
  if (id === undefined) return
  if (id !== app.model.state.selected) await select(app, id)
  await askToRemoveBox(app)
}

function boxButton(app: App, box: BoxInfo, selected: boolean): HTMLElement {
  const { id, state, image, snapshotCount, attention } = box
  const facts = [image ?? 'own disk', counted(snapshotCount, 'snapshot')]
  return h(
    'button',
    {
      class: 'box',
      'data-key': id,
      'data-fallback': selected,
      'aria-current': selected ? 'true' : null,
      onclick: () => {
        void select(app, id)
        app.model.update({ pane: 'terminal' })
      },
    },
    h('span', { class: `dot ${state ?? 'damaged'}`, 'aria-hidden': 'true' }),
    h('span', { class: 'box-name' }, titleOf(box)),
    h('span', { class: 'box-state' }, state ?? 'damaged'),
    h('span', { class: 'box-facts' }, facts.join(' · ')),
    attention === null ? null : h('span', { class: 'box-attention' }, attention),
  )
}

function importing(app: App): void {
  const input = byId<HTMLInputElement>('import-file')
  const button = byId('import')
  button.append(icon('upload'))
  button.addEventListener('click', () => input.click())
  input.addEventListener('change', () => {
    void importBoxes(app, { files: [...(input.files ?? [])], folders: [] })
    input.value = ''
  })
  onDrop(byId('boxes-pane'), (dropped) => void importBoxes(app, dropped))
}
