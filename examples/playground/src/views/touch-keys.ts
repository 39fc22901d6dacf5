// Keys that a touch screen's keyboard has not, below the terminal; the style sheet shows them where there is no finer pointer.

import { byId, h } from '../dom.ts'
import type { Terminals } from '../terminals.ts'

const keys: readonly (readonly [label: string, sent: string, words: string])[] = [
  ['Esc', '\x1b', 'Escape'],
  ['Tab', '\t', 'Tab'],
  ['^C', '\x03', 'Control C'],
  ['^D', '\x04', 'Control D'],
  ['↑', '\x1b[A', 'Up'],
  ['↓', '\x1b[B', 'Down'],
  ['←', '\x1b[D', 'Left'],
  ['→', '\x1b[C', 'Right'],
]

export function touchKeysView(terminals: Terminals): void {
  for (const [label, sent, words] of keys) {
    // The keyboard of the screen stays open: the focus stays where it is.
    const keep = (event: Event): void => event.preventDefault()
    const press = (): void => terminals.press(sent)
    byId('touch-keys').append(h('button', { class: 'quiet', 'aria-label': words, onpointerdown: keep, onclick: press }, label))
  }
}
