// Small things that the page remembers from one visit to the next, where the browser lets it: none of them is worth a failure.

export type Remembered = 'selected' | 'theme' | 'lesson' | 'side' | 'screen-reader'

/** Several playgrounds may be served from one origin; their boxes are the same, and so is what is remembered. */
const PREFIX = 'boxlite-playground:'

export function remember(what: Remembered, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + what)
    else localStorage.setItem(PREFIX + what, value)
  } catch {
    // Refused, or full: the next visit begins as the first did.
  }
}

export function recall(what: Remembered): string | null {
  try {
    return localStorage.getItem(PREFIX + what)
  } catch {
    return null
  }
}
