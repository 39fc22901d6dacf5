// The newcomer's path: the lines of docs/cli.md, run as they stand there.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mainPath, runProgram, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()

interface Step {
  readonly command: string
  /** What it prints; `…` stands for anything on that line. */
  readonly printed: readonly string[]
}

/** The commands in the ```console blocks of a page, each with what stands below it. */
function stepsOf(page: string): Step[] {
  const steps: { command: string; printed: string[] }[] = []
  for (const [, block] of page.matchAll(/^```console\n([^]*?)^```$/gm)) {
    for (const line of block!.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), printed: [] })
      else steps.at(-1)!.printed.push(line)
    }
  }
  return steps
}

function pattern(printed: readonly string[]): RegExp {
  const lines = printed.map((line) => line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'))
  return new RegExp(`^${lines.map((line) => `${line}\n`).join('')}$`)
}

describe('docs/cli.md', () => {
  const steps = stepsOf(readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8'))

  it('shows every kind of command on boxes', () => {
    const shown = steps.map(({ command }) => command).join('\n')
    const words = ['create', 'snapshot create', 'snapshot restore', 'clone', 'export', 'import', 'rm', 'prune', 'fsck', 'disk compare']
    expect(words.filter((word) => !shown.includes(`boxlite ${word}`))).toEqual([])
  })

  it('does what it says, line by line', async () => {
    const bin = join(cwd, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'boxlite'), `#!/bin/sh\nexec '${process.execPath}' '${mainPath}' "$@"\n`)
    chmodSync(join(bin, 'boxlite'), 0o755)
    const environment = `export PATH='${bin}':"$PATH" BOXLITE_HOME='${join(cwd, 'home')}'`
    for (const { command, printed } of steps) {
      const { code, out, err } = await runProgram('bash', ['--norc', '-c', `${environment}\nset -o pipefail\n${command}`], cwd)
      expect({ command, code, err }).toEqual({ command, code: 0, err: '' })
      expect({ command, out }).toEqual({ command, out: expect.stringMatching(pattern(printed)) as string })
    }
  })
})
