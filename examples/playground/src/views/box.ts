// The box that is shown: its name, what can be done with it, and what stands in the terminal's place while there is none.

import type { BoxInfo } from 'boxlite'
import { exportBox } from '../actions/archives.ts'
import { startBox, stopBox, takeOverBox } from '../actions/boxes.ts'
import type { App } from '../app.ts'
import { byId, draw, h } from '../dom.ts'
import { titleOf } from '../format.ts'
import { icon, type IconName } from '../icons.ts'
import type { State } from '../model.ts'
import { askToBranch, askToRemoveBox, createFirstBox } from '../questions.ts'
import { curtainTasks, taskLines } from './tasks.ts'

export function boxView(app: App): void {
  app.model.watch(
    ({ boxes, selected, here }) => [boxes, selected, here, selected !== null && app.model.isBusy(selected)],
    () => draw(byId('box-head'), ...head(app, app.model.box)),
  )
  const curtain = byId('curtain')
  const waiting = h('div', {})
  app.model.watch(
    ({ boxes, selected, here, phase, engine }) => [boxes, selected, here, phase, engine, ...curtainTasks(app)],
    ({ phase }) => {
      const { box, boxHere } = app.model
      const lines = taskLines(app, curtainTasks(app))
      if (lines.length > 0) draw(waiting, ...lines)
      curtain.hidden = boxHere !== null
      draw(curtain, boxHere !== null ? null : lines.length > 0 ? waiting : onCurtain(app, box, phase))
    },
  )
}

/** Starts the box that is shown, or stops it. */
export function togglePower(app: App): void {
  const { box } = app.model
  if (box === null || app.model.isBusy(box.id)) return
  if (app.model.boxElsewhere !== null) void takeOverBox(app, box.id)
  else void (box.state === 'running' ? stopBox(app, box.id) : startBox(app, box.id))
}

function head(app: App, box: BoxInfo | null): Node[] {
  if (box === null) return [h('h2', { id: 'box-title' }, 'Terminal')]
  const busy = app.model.isBusy(box.id)
  const power: readonly [string, IconName] =
    app.model.boxElsewhere !== null ? ['Take over', 'play'] : box.state === 'running' ? ['Stop', 'stop'] : ['Start', 'play']
  const button = (key: string, label: string, symbol: IconName, act: () => void): HTMLElement => {
    const words = `${label} '${titleOf(box)}'`
    // Not `disabled`, which takes the focus away from whoever pressed it.
    const state = busy ? { 'aria-disabled': 'true' } : { onclick: act }
    return h('button', { class: 'quiet', 'data-key': key, title: words, 'aria-label': words, ...state }, icon(symbol), h('span', {}, label))
  }
  return [
    h('h2', { id: 'box-title' }, titleOf(box)),
    h('span', { class: `state ${box.state ?? 'damaged'}` }, box.state ?? 'damaged'),
    h('span', { class: 'spring' }),
    button('power', ...power, () => togglePower(app)),
    button('branch', 'Branch', 'branch', () => void askToBranch(app, null)),
    button('export', 'Export', 'download', () => void exportBox(app, box.id)),
    button('remove', 'Remove', 'trash', () => void askToRemoveBox(app)),
  ]
}

/** What stands there while nothing is waited for. */
function onCurtain(app: App, box: BoxInfo | null, phase: State['phase']): Node | null {
  if (phase === 'opening') return null
  if (phase === 'failed') return failed()
  if (box === null) return welcome(app)
  if (app.model.boxElsewhere !== null) return elsewhere(app, box)
  const words = box.state === 'created' ? 'This box was never started.' : 'This box does not run. Its disk is as it was left.'
  return h(
    'div',
    {},
    h('p', {}, box.attention ?? words),
    h('button', { ...firstChoice('start'), onclick: () => void startBox(app, box.id) }, icon('play'), `Start '${titleOf(box)}'`),
  )
}

/** What most people do next; it has the focus when what had it is gone from the curtain. */
function firstChoice(key: string): Readonly<Record<string, string | boolean>> {
  return { class: 'primary', 'data-key': key, 'data-fallback': true }
}

function failed(): Node {
  return h(
    'div',
    {},
    h('h3', {}, 'The boxes could not be opened'),
    h('p', {}, 'What went wrong stands above.'),
    h('button', { class: 'primary', onclick: () => location.reload() }, 'Try again'),
  )
}

function elsewhere(app: App, box: BoxInfo): Node {
  return h(
    'div',
    {},
    h('p', {}, `'${titleOf(box)}' runs in another tab. Taken over, it is stopped there and started here.`),
    h('button', { ...firstChoice('start'), onclick: () => void takeOverBox(app, box.id) }, `Take over '${titleOf(box)}'`),
  )
}

function welcome(app: App): Node {
  const { engine } = app.model.state
  const works = engine !== null && engine.name !== null
  const why = engine?.refused.map(({ reason, remedy }) => `${reason} ${remedy ?? ''}`).join(' ') ?? ''
  return h(
    'div',
    { class: 'welcome' },
    h('h3', {}, 'A Linux machine in this tab'),
    h('p', {}, 'It boots in seconds, keeps its disk in this browser, and goes back to any moment that you named. No server takes part.'),
    h(
      'div',
      { class: 'row' },
      h('button', { ...firstChoice('first'), disabled: !works, onclick: () => void createFirstBox(app) }, icon('play'), 'Start a box'),
      h('button', { 'data-key': 'lesson', onclick: () => app.model.update({ side: 'lesson', pane: 'lesson' }) }, 'Take the lesson'),
    ),
    works ? null : h('p', { class: 'warning' }, why),
  )
}
