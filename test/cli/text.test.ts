// What the command line says, as pure functions: sizes, tables, trees, guesses.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { formatDate } from '../../hosts/node/cli/date.ts'
import { nearest } from '../../hosts/node/cli/nearest.ts'
import { printable } from '../../hosts/node/cli/printable.ts'
import { ProgressLine } from '../../hosts/node/cli/progress-line.ts'
import { formatSize, formatSizeExactly, parseSize } from '../../hosts/node/cli/size.ts'
import { drawTable } from '../../hosts/node/cli/table.ts'
import { Terminal, type TerminalStreams } from '../../hosts/node/cli/terminal.ts'
import { drawTree, type TreeNode } from '../../hosts/node/cli/tree.ts'
import { watch } from '../../hosts/node/cli/watch.ts'
import type { Progress } from '../../src/progress.ts'

describe('a size', () => {
  it.each([
    ['0', 0],
    ['512', 512],
    ['512b', 512],
    ['64k', 65536],
    ['64KiB', 65536],
    ['1.5G', 1.5 * 2 ** 30],
    ['0.001K', 1],
    ['10GiB', 10 * 2 ** 30],
    ['2T', 2 * 2 ** 40],
    ['7.999P', Math.floor(7.999 * 2 ** 50)],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('is read from %s', (text, bytes) => {
    expect(parseSize(text, 'SIZE', 'x')).toBe(bytes)
  })

  it.each(['', '-1', '1GB', '1.5', '1 G', '0x10', '1e3', 'K', '8P', '9007199254740992', '1iB', '١'])('is not %j', (text) => {
    expect(() => parseSize(text, 'SIZE', 'x')).toThrow(/^SIZE '.*' is /)
  })

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [10 * 1024 + 300, '10.3 KiB'],
    [1023 * 1024, '1023 KiB'],
    [1024 * 1024 - 1, '1 MiB'],
    [100 * 2 ** 30, '100 GiB'],
    [Number.MAX_SAFE_INTEGER, '8 PiB'],
  ])('of %d bytes is printed as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text)
  })

  it('can show every byte', () => {
    expect(formatSizeExactly(700)).toBe('700 bytes')
    expect(formatSizeExactly(65536)).toBe('64 KiB (65536 bytes)')
  })
})

it('guesses a word from its mistyped form, and none from another word', () => {
  const words = ['create', 'clone', 'snapshot', 'ls', 'rm']
  expect(['craete', 'clnoe', 'snapshoot', 'l', 'restore', 'x'.repeat(5000)].map((word) => nearest(word, words))).toEqual([
    'create',
    'clone',
    'snapshot',
    'ls',
    null,
    null,
  ])
})

it('draws a table by the widest cells', () => {
  const columns = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'ID' }] as const
  const rows = [['größe', '1 B', 'a'], ['b', '1023 KiB', '']]
  expect(drawTable(columns, rows)).toEqual([
    'NAME       SIZE  ID',
    'größe       1 B  a',
    'b      1023 KiB',
  ])
})

it('draws a table of more rows than a call has arguments', () => {
  expect(drawTable([{ title: 'N' }], Array.from({ length: 300_000 }, (_, i) => [String(i)]))).toHaveLength(300_001)
})

describe('a tree', () => {
  it('is drawn from its roots down', () => {
    const leaf = (text: string): TreeNode => ({ text, children: [] })
    const tree = { text: 'a', children: [{ text: 'b', children: [leaf('c'), leaf('d')] }, { text: 'e', children: [leaf('f')] }] }
    expect(drawTree([tree, leaf('g')])).toEqual(['a', '├─ b', '│  ├─ c', '│  └─ d', '└─ e', '   └─ f', 'g'])
  })

  it('may be deeper than the stack', () => {
    let node: TreeNode = { text: 'leaf', children: [] }
    for (let depth = 0; depth < 10_000; depth++) node = { text: 'x', children: [node] }
    const lines = drawTree([node])
    expect(lines).toHaveLength(10_001)
    expect(lines.at(-1)!.trimStart()).toBe('└─ leaf')
  })
})

it('prints a date short, local and sortable', () => {
  expect(formatDate(new Date(2026, 2, 9, 7, 5))).toBe('2026-03-09 07:05')
})

it('makes every character that a terminal obeys visible, and no other', () => {
  expect(printable('a\u0000\u0085\u2029\u2067\ud800b')).toBe('a\\u{0}\\u{85}\\u{2029}\\u{2067}\\u{d800}b')
  expect(printable('größe 日本 🚀 \\n')).toBe('größe 日本 🚀 \\n')
})

describe('progress', () => {
  function draw(updates: readonly (readonly [number, number | null])[]): string {
    let drawn = ''
    const progress = new ProgressLine('Copying', { write: (text: string) => (drawn += text) } as unknown as NodeJS.WriteStream)
    for (const [done, total] of updates) progress.update(done, total)
    progress.end()
    return drawn
  }

  it('is one line that is wiped at the end', () => {
    expect(draw([[512, 1024]])).toBe(`\r\u001b[KCopying  ${'█'.repeat(12)}${'░'.repeat(12)}  50%  512 B of 1 KiB\r\u001b[K`)
    expect(draw([[512, null]])).toBe('\r\u001b[KCopying  512 B\r\u001b[K')
  })

  it('is not redrawn faster than anyone reads', () => {
    expect(draw(Array.from({ length: 1000 }, (_, i) => [i, 1000] as const)).split('\r').length).toBeLessThan(20)
  })

  it('is shown by every command but those that are over at once, whatever they are given', () => {
    const folder = new URL('../../hosts/node/cli/', import.meta.url)
    // They read records, or the head of an image; `logs` and `stats` show what comes.
    const quick = { box: ['info', 'ls'], disk: ['create', 'info', 'repoint', 'resize'], machine: ['logs', 'stats'] }
    for (const [group, names] of Object.entries(quick)) {
      const silent = readdirSync(new URL(group, folder)).filter((name) => {
        const source = readFileSync(new URL(`${group}/${name}`, folder), 'utf8')
        return source.includes('defineCommand({') && !/\b(?:watch|startBox|terminal\.progress)\(/.test(source)
      })
      expect(silent, group).toEqual(names.map((name) => `${name}.ts`))
    }
  })

  it('is silent where standard error is no terminal', () => {
    const stream = { isTTY: false, on: () => undefined, write: () => expect.unreachable() }
    const terminal = new Terminal({ stdin: stream, stdout: stream, stderr: stream, env: {} } as unknown as TerminalStreams)
    terminal.progress('Copying').update(1, 2)
  })

  it('of each stage of a call says what is done, and how much of it where that is known', async () => {
    const said = async (progress: Progress): Promise<string> => {
      let drawn = ''
      const on = { on: () => undefined }
      const stderr = { ...on, isTTY: true, write: (text: string) => (drawn += text) }
      const terminal = new Terminal({ stdin: on, stdout: on, stderr, env: {} } as unknown as TerminalStreams)
      await watch(terminal, 'Doing', async ({ onProgress }) => onProgress(progress))
      const [, line, end] = drawn.split('\r\u001b[K')
      expect(end).toBe('')
      return line!.replace(/^Doing {2}/, '').replace(/[█░]+ +/, '')
    }
    const bytes = { doneBytes: 1024, totalBytes: 4096 }
    const samples: readonly (readonly [Progress, string])[] = [
      [{ stage: 'engine' }, 'looking for an engine'],
      [{ stage: 'recover', doneBoxes: 0, totalBoxes: 2 }, 'recovering box 1 of 2'],
      [{ stage: 'assets', file: 'kernel', ...bytes }, '25%  1 KiB of 4 KiB'],
      [{ stage: 'copy', ...bytes }, '25%  1 KiB of 4 KiB'],
      [{ stage: 'copyIn', doneBytes: 1024, totalBytes: null }, '1 KiB'],
      [{ stage: 'import', ...bytes }, '25%  1 KiB of 4 KiB'],
      [{ stage: 'build', step: 'unpacking\u001b', doneSteps: 1, totalSteps: 4 }, 'unpacking\\u{1b}'],
      [{ stage: 'collect', deletedFiles: 1 }, '1 file deleted'],
      [{ stage: 'merge', mergedLayers: 3 }, '3 layers folded'],
      [{ stage: 'fsck', doneLayers: 1, totalLayers: 2 }, '50%'],
      [{ stage: 'guest' }, 'waiting for the guest'],
      [{ stage: 'shutdown' }, 'the guest shuts down'],
      [{ stage: 'freeze' }, 'the guest writes out what it holds'],
      [{ stage: 'kill' }, 'ending the machine'],
    ]
    for (const [progress, line] of samples) expect(await said(progress)).toBe(line)
  })

  it('that never began leaves the line alone', () => {
    expect(draw([])).toBe('')
  })
})
