// Elements in one line, and drawing that leaves the focus where it was.

type Value = string | number | boolean | null | undefined | ((event: never) => void)
type Child = Node | string | null | false

/** Makes an element. A property that begins with `on` is a listener; true and false set and leave out an attribute. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value as (event: Event) => void)
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value))
  }
  element.append(...children.filter((child) => child !== null && child !== false))
  return element
}

/**
 * Draws anew what is in `container`, where that is not in it already. An element that had the focus and is there again, by its
 * `data-key`, has it again; where it is gone the container's first of the same `data-fallback` has it, so that nobody at a keyboard is
 * thrown to the top of the page.
 */
export function draw(container: HTMLElement, ...children: readonly Child[]): void {
  const next = children.filter((child) => child !== null && child !== false)
  if (next.length === container.childNodes.length && next.every((child, index) => child === container.childNodes[index])) return
  const active = document.activeElement
  const focused = active instanceof HTMLElement && container.contains(active) ? active : null
  container.replaceChildren(...next)
  if (focused === null) return
  const key = focused.closest<HTMLElement>('[data-key]')?.dataset['key']
  const same = key === undefined ? null : container.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)
  const heir = same ?? container.querySelector<HTMLElement>('[data-fallback]')
  heir?.focus({ preventScroll: true })
}

/** The element of that id, which index.html has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no #${id}`)
  return element as T
}

/** Moves the focus among the elements that `selector` finds in `list`, by the arrows, Home and End. True: the key was meant for that. */
export function moveFocus(list: HTMLElement, selector: string, key: string): boolean {
  const all = [...list.querySelectorAll<HTMLElement>(selector)]
  const at = all.indexOf(document.activeElement as HTMLElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key]
  if (to === undefined) return false
  all[Math.min(Math.max(to, 0), all.length - 1)]?.focus()
  return true
}
