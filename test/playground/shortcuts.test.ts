// Which key presses the playground takes for its own.
import { describe, expect, it } from 'vitest'
import { shortcutOf } from '../../examples/playground/src/shortcuts.ts'

const press = { ctrlKey: true, shiftKey: true, altKey: false, metaKey: false }

describe('a shortcut', () => {
  it('is the letter that the keyboard writes, wherever it stands', () => {
    expect(shortcutOf({ ...press, key: 'X', code: 'KeyX' })).toBe('leave')
    // On a Dvorak keyboard.
    expect(shortcutOf({ ...press, key: 'X', code: 'KeyB' })).toBe('leave')
    expect(shortcutOf({ ...press, key: 'x', code: 'KeyX' })).toBe('leave')
  })

  it('is found by its place where the keyboard writes other letters, so that everybody can leave the terminal', () => {
    expect(shortcutOf({ ...press, key: 'Ч', code: 'KeyX' })).toBe('leave')
    expect(shortcutOf({ ...press, key: 'Σ', code: 'KeyS' })).toBe('snapshot')
  })

  it.each([
    ['without Shift, which the box takes', { shiftKey: false }],
    ['without Ctrl', { ctrlKey: false }],
    ['with AltGr, which writes a character', { altKey: true }],
  ])('is none %s', (_what, change) => {
    expect(shortcutOf({ ...press, ...change, key: 'X', code: 'KeyX' })).toBeNull()
  })

  it('is none where nothing is meant by the key', () => {
    expect(shortcutOf({ ...press, key: 'Q', code: 'KeyQ' })).toBeNull()
    expect(shortcutOf({ ...press, key: 'Enter', code: 'Enter' })).toBeNull()
  })
})
