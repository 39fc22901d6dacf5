// What is being done, and how far it is: at the foot of the page, or where the terminal will be.

import type { App } from '../app.ts'
import { byId, draw, h } from '../dom.ts'
import { bytes } from '../format.ts'
import type { Task } from '../model.ts'

interface Line {
  readonly element: HTMLElement
  show(task: Task): void
}

/** By the ids of the tasks. A line stays the same element as its task goes on: a button that is another when it is let go is not clicked. */
const lines = new Map<number, Line>()

export function tasksView(app: App): void {
  const place = byId('tasks')
  const uncovered = (): Task[] => {
    const covered = curtainTasks(app)
    return app.model.state.tasks.filter((task) => !covered.includes(task))
  }
  app.model.watch(uncovered, () => draw(place, ...taskLines(app, uncovered())))
}

/** Those that are told where the terminal will be, and not at the foot a second time. */
export function curtainTasks({ model }: App): readonly Task[] {
  const { box, boxHere, state } = model
  if (box === null) return state.tasks
  return boxHere !== null ? [] : state.tasks.filter(({ boxId }) => boxId === null || boxId === box.id)
}

/** A line for each task: what, how far, and how to call it off. */
export function taskLines({ model }: App, tasks: readonly Task[]): HTMLElement[] {
  for (const id of lines.keys()) if (!model.state.tasks.some((task) => task.id === id)) lines.delete(id)
  return tasks.map((task) => {
    const line = lines.get(task.id) ?? newLine(task)
    lines.set(task.id, line)
    line.show(task)
    return line.element
  })
}

function newLine({ id, what, cancel }: Task): Line {
  const step = h('span', { class: 'task-step' })
  const progress = h('progress', { 'aria-label': what })
  const far = h('span', { class: 'task-far' })
  // The second click of a double one was meant for the button that stood here before.
  const click = ({ detail }: MouseEvent): void => void (detail < 2 && cancel?.())
  const button = cancel === null ? null : h('button', { class: 'quiet', 'data-key': `cancel-${id}`, onclick: click }, 'Cancel')
  return {
    element: h('div', { class: 'task' }, h('span', { class: 'task-what', title: what }, what, step), progress, far, button),
    show({ step: words, doneBytes, totalBytes }) {
      step.textContent = words === null ? '' : ` ${words}`
      far.textContent = doneBytes === 0 ? '' : totalBytes === null ? bytes(doneBytes) : `${bytes(doneBytes)} of ${bytes(totalBytes)}`
      if (totalBytes === null || totalBytes === 0) return progress.removeAttribute('value')
      progress.max = totalBytes
      progress.value = Math.min(doneBytes, totalBytes)
    },
  }
}
