// The keyboard's ways through the page. They hold in the terminal, too, where every other key goes to the box.

export interface Shortcut {
  /** With Ctrl and Shift. */
  readonly key: string
  readonly what: string
}

export const shortcuts = {
  leave: { key: 'X', what: 'Leave the terminal, or go back to it' },
  boxes: { key: 'B', what: 'Boxes' },
  timeline: { key: 'Y', what: 'Timeline' },
  files: { key: 'F', what: 'Files' },
  lesson: { key: 'L', what: 'Lesson' },
  create: { key: 'O', what: 'New box' },
  snapshot: { key: 'S', what: 'Take a snapshot' },
  power: { key: 'E', what: 'Start or stop the box' },
  help: { key: 'H', what: 'All shortcuts' },
} as const satisfies Readonly<Record<string, Shortcut>>

export type ShortcutName = keyof typeof shortcuts

type KeyPress = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'shiftKey' | 'altKey' | 'metaKey'>

/** Which one a key press is; null: none. */
export function shortcutOf(event: KeyPress): ShortcutName | null {
  if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return null
  // Where the keyboard writes other letters than these, the place of the key says which one is meant.
  const letter = /^[a-z]$/i.test(event.key) ? event.key.toUpperCase() : event.code.replace(/^Key/, '')
  const names = Object.keys(shortcuts) as ShortcutName[]
  return names.find((name) => shortcuts[name].key === letter) ?? null
}

export function isShortcut(event: KeyboardEvent): boolean {
  return shortcutOf(event) !== null
}
