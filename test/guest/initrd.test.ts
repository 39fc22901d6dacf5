// The archive that the kernel unpacks as its first file system, read back as the kernel reads it.
import { describe, expect, it } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { cpio } from '../../scripts/guest-cpio.mjs'

interface Member {
  readonly name: string
  readonly mode: number
  readonly device: readonly [number, number]
  readonly content: string
}

/** Reads a newc archive up to its trailer. */
function members(archive: Buffer): Member[] {
  const found: Member[] = []
  for (let at = 0; ; ) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const field = (index: number): number => Number.parseInt(archive.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16)
    const nameEnd = at + 110 + field(11)
    const start = (nameEnd + 3) & ~3
    const name = archive.toString('utf8', at + 110, nameEnd - 1)
    if (name === 'TRAILER!!!') return found
    const content = archive.toString('utf8', start, start + field(6))
    expect([field(2), field(3), field(5)]).toEqual([0, 0, 0])
    found.push({ name, mode: field(1), device: [field(9), field(10)], content })
    at = (start + field(6) + 3) & ~3
  }
}

describe('the initramfs', () => {
  it('holds folders, files of every length and devices, owned by root and of no time', () => {
    const contents = ['', 'a', 'ab', 'abc', 'abcd']
    const files = contents.map((content) => ({ name: `file${content}`, mode: 0o755, bytes: Buffer.from(content) }))
    const [folder, device] = [{ name: 'dev', mode: 0o755 }, { name: 'dev/console', mode: 0o600, device: [5, 1] }]
    const archive = cpio([folder, device, ...files]) as Buffer
    expect(archive.length % 4).toBe(0)
    expect(members(archive)).toEqual([
      { name: 'dev', mode: 0o040755, device: [0, 0], content: '' },
      { name: 'dev/console', mode: 0o020600, device: [5, 1], content: '' },
      ...files.map(({ name, bytes }) => ({ name, mode: 0o100755, device: [0, 0], content: bytes.toString() })),
    ])
  })
})
