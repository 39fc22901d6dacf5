/** Calls `take` with files that are dropped on an element, which shows that it is open to them. */
export function onDrop(element: HTMLElement, take: (files: readonly File[]) => void): void {
  const over = (on: boolean): void => void element.classList.toggle('dropping', on)
  element.addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files') !== true) return
    event.preventDefault()
    over(true)
  })
  element.addEventListener('dragleave', (event) => {
    if (!(event.relatedTarget instanceof Node) || !element.contains(event.relatedTarget)) over(false)
  })
  element.addEventListener('drop', (event) => {
    event.preventDefault()
    over(false)
    take([...(event.dataTransfer?.files ?? [])])
  })
}
