// Places that take files which are dropped on them.

import { carriesFiles, droppedBy, type Dropped } from '../dropped.ts'

/** Calls `take` with what is dropped on an element, which shows that it is open to it. */
export function onDrop(element: HTMLElement, take: (dropped: Dropped) => void): void {
  const over = (on: boolean): void => void element.classList.toggle('dropping', on)
  element.addEventListener('dragover', (event) => {
    if (!carriesFiles(event)) return
    event.preventDefault()
    over(true)
  })
  element.addEventListener('dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node) || !element.contains(event.relatedTarget)) over(false)
  })
  element.addEventListener('drop', (event) => {
    event.preventDefault()
    over(false)
    take(droppedBy(event))
  })
}

/** What is dropped beside those places stays where it is: the browser would open it, in place of the page with its boxes. */
export function refuseOtherDrops(): void {
  for (const kind of ['dragover', 'drop'] as const) {
    addEventListener(kind, (event) => {
      if (event.defaultPrevented || !carriesFiles(event)) return
      event.preventDefault()
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = 'none'
    })
  }
}
