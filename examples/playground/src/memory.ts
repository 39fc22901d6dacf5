// Small things that the page remembers from one visit to the next.

export type Remembered = 'selected' | 'theme' | 'lesson' | 'side' | 'screen-reader'

/** Several playgrounds may be served from one origin; their boxes are the same, and so is what is remembered. */
const PREFIX = 'boxlite-playground:'

export function remember(what: Remembered, value: string | null): void {
  if (value === null) localStorage.removeItem(PREFIX + what)
  else localStorage.setItem(PREFIX + what, value)
}

export function recall(what: Remembered): string | null {
  return localStorage.getItem(PREFIX + what)
}
