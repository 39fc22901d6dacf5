import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { checkName } from '../../src/name.ts'

const core = await Core.create()

/** The message a name is refused with, or null. */
function refusal(name: string, subject: 'Box' | 'Snapshot' = 'Snapshot'): string | null {
  try {
    checkName(core, subject, name)
    return null
  } catch (error) {
    return (error as Error).message
  }
}

describe('names', () => {
  it('refuses what the published rules refuse, with their texts', () => {
    expect(refusal('')).toBe('Snapshot name cannot be empty')
    expect(refusal('a'.repeat(256))).toBe('Snapshot name too long (256 chars, max 255)')
    expect(refusal('é'.repeat(128))).toBe('Snapshot name too long (256 chars, max 255)')
    expect(refusal('.')).toBe("Snapshot name '.' is not allowed")
    expect(refusal('..')).toBe("Snapshot name '..' is not allowed")
    expect(refusal('.hidden')).toBe("Snapshot name cannot start with '.'")
    for (const name of ['a/b', 'a\\b', 'a\0b', '/', '\0'])
      expect(refusal(name)).toBe('Snapshot name contains invalid characters (/, \\, or null byte)')
    expect(refusal('', 'Box')).toBe('Box name cannot be empty')
  })

  it('refuses control characters and text that is not valid Unicode', () => {
    for (const name of ['a\nb', '\u001b[2J', 'a\u007f', '\u0085'])
      expect(refusal(name)).toBe('Snapshot name contains control characters')
    for (const name of ['\ud800', 'a\udc00', '\udc00\ud800']) expect(refusal(name)).toBe('Snapshot name is not valid Unicode')
  })

  it('allows every other name, unchanged', () => {
    for (const name of ['a', 'a'.repeat(255), 'é'.repeat(127), '快照', '🙂', 'a..b', 'CON', 'a:b', ' ', 'e\u0301']) expect(refusal(name)).toBeNull()
  })
})
