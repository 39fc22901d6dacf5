// The lesson beside the terminal.

import { beginLesson, checkLesson, resetLesson } from '../actions/lesson.ts'
import { select } from '../actions/home.ts'
import type { App } from '../app.ts'
import { ask } from '../dialogs.ts'
import { byId, draw, h } from '../dom.ts'
import { icon } from '../icons.ts'
import type { Lesson, Part, Step } from '../lesson-text.ts'
import type { State } from '../model.ts'
import type { Terminals } from '../terminals.ts'

export function lessonView(app: App, lesson: Lesson, terminals: Terminals): void {
  const pane = byId('lesson-pane')
  terminals.onQuiet((boxId) => {
    if (boxId === app.model.state.lesson?.boxId) void checkLesson(app, lesson, false)
  })
  // Snapshots and restores are done without a key in the terminal.
  app.model.watch(
    ({ shown, boxes }) => [shown, boxes],
    ({ phase }) => void (phase === 'open' && checkLesson(app, lesson, false)),
  )
  app.model.watch(
    ({ lesson: progress, lessonHint, boxes, selected, phase, tasks }) => [progress, lessonHint, boxes, selected, phase, tasks.length],
    (state) => {
      const begun = state.boxes.some(({ id }) => id === state.lesson?.boxId)
      const title = h('h3', { class: 'lesson-title' }, lesson.title)
      draw(pane, title, ...(begun ? steps(app, lesson, state, terminals) : introduction(app, lesson, state)))
    },
  )
}

function introduction(app: App, { introduction: html, steps: all }: Lesson, { phase, tasks }: State): Node[] {
  const waits = phase !== 'open' || tasks.length > 0
  return [
    markup(html),
    h('ol', { class: 'outline' }, ...all.map(({ title }) => h('li', {}, title))),
    h('button', { class: 'primary', 'data-key': 'begin', disabled: waits, onclick: () => void beginLesson(app) }, 'Begin'),
  ]
}

function steps(app: App, lesson: Lesson, state: State, terminals: Terminals): (Node | null)[] {
  const { doneSteps, boxId } = state.lesson ?? { doneSteps: 0, boxId: '' }
  const total = lesson.steps.length
  const show = h('button', { 'data-key': 'go', onclick: () => void select(app, boxId) }, 'Show it')
  return [
    h(
      'div',
      { class: 'row lesson-bar' },
      h('progress', { max: total, value: doneSteps, 'aria-label': 'Steps done' }),
      h('span', {}, `${doneSteps} of ${total}`),
      h('button', { class: 'quiet', 'data-key': 'reset', onclick: () => void askToReset(app) }, icon('restore'), 'Reset'),
    ),
    state.selected === boxId ? null : h('p', { class: 'hint' }, 'The lesson has a box of its own. ', show),
    h('ol', { class: 'steps' }, ...lesson.steps.map((step, index) => stepItem(app, lesson, step, index, state, terminals))),
    doneSteps < total ? null : h('p', { class: 'praise' }, 'All steps are done. The box stays yours; Reset takes it back to its first moment.'),
  ]
}

function stepItem(app: App, lesson: Lesson, step: Step, index: number, state: State, terminals: Terminals): HTMLElement {
  const doneSteps = state.lesson?.doneSteps ?? 0
  const done = index < doneSteps
  const title = h('h4', {}, done ? icon('check') : null, step.title, done ? h('span', { class: 'unseen' }, ' (done)') : null)
  if (index !== doneSteps) return h('li', { class: done ? 'step done' : 'step ahead' }, title)
  return h(
    'li',
    { class: 'step', 'aria-current': 'step' },
    title,
    ...step.parts.map((part, at) => partOf(part, `${index}-${at}`, (text) => typeInBox(app, terminals, text))),
    h('button', { 'data-key': 'check', 'data-fallback': true, onclick: () => void checkLesson(app, lesson, true) }, 'Check'),
    h('p', { class: 'hint' }, state.lessonHint),
  )
}

function partOf(part: Part, key: string, type: (text: string) => void): Node {
  if (part.kind === 'html') return markup(part.html)
  const { text } = part
  const label = 'Type it into the terminal'
  return h(
    'div',
    { class: 'commands' },
    h('pre', { tabindex: 0 }, text),
    h('button', { class: 'quiet', 'data-key': `run-${key}`, 'aria-label': label, onclick: () => type(`${text}\r`) }, 'Type it'),
  )
}

/** Into the box of the lesson and no other: some of what is typed destroys the box that it is typed into. */
function typeInBox(app: App, terminals: Terminals, text: string): void {
  const { lesson, selected } = app.model.state
  if (lesson === null) return
  if (selected !== lesson.boxId) void select(app, lesson.boxId)
  // Where only one pane is seen, the reader wants to see what they do.
  app.model.update({ pane: 'terminal' })
  if (!terminals.type(lesson.boxId, text)) app.say('The box of the lesson has no shell just now: start it, or press Enter in its terminal')
}

/** The HTML is made of the lesson's Markdown, which is a part of this page like its code. */
function markup(html: string): HTMLElement {
  const element = h('div', { class: 'prose' })
  element.innerHTML = html
  return element
}

async function askToReset(app: App): Promise<void> {
  const answers = await ask({
    title: 'Reset the lesson?',
    text: 'Its box goes back to the first moment of the lesson, and snapshots that were taken since are removed.',
    confirm: 'Reset',
    danger: true,
  })
  if (answers !== null) await resetLesson(app)
}
