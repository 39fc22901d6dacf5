// What is being done, at the foot of the page.

import type { App } from '../app.ts'
import { byId, draw, h } from '../dom.ts'
import { bytes } from '../format.ts'
import type { Task } from '../model.ts'

export function tasksView(app: App): void {
  const place = byId('tasks')
  app.model.watch(
    ({ tasks, boxes, selected }) => [tasks, boxes, selected],
    ({ tasks }) => {
      const covered = curtainTasks(app)
      draw(place, ...tasks.filter((task) => !covered.includes(task)).map(taskLine))
    },
  )
}

/** Those that are told where the terminal will be, and not at the foot a second time. */
export function curtainTasks({ model }: App): readonly Task[] {
  const { box, boxElsewhere, state } = model
  if (box === null) return state.tasks
  return box.state === 'running' && boxElsewhere === null ? [] : state.tasks.filter(({ boxId }) => boxId === null || boxId === box.id)
}

/** One task: what, how far, and how to call it off. */
export function taskLine({ id, what, step, doneBytes, totalBytes, cancel }: Task): HTMLElement {
  const far = doneBytes === 0 ? '' : totalBytes === null ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`
  const known = totalBytes !== null && totalBytes > 0
  return h(
    'div',
    { class: 'task' },
    h('span', { class: 'task-what' }, what, step === null ? null : h('span', { class: 'task-step' }, ` ${step}`)),
    h('progress', known ? { 'aria-label': what, max: totalBytes, value: Math.min(doneBytes, totalBytes) } : { 'aria-label': what }),
    h('span', { class: 'task-far' }, far),
    cancel === null ? null : h('button', { class: 'quiet', 'data-key': `cancel-${id}`, onclick: cancel }, 'Cancel'),
  )
}
