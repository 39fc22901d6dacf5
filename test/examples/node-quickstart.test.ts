// The ten lines of the README, as they stand there.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { whyNoBox } from '../api/why-no-box.ts'
import { describeWhere } from '../describe-where.ts'
import { runExample } from './run-example.ts'

describeWhere(await whyNoBox(new QemuEngine()), 'the quickstart', () => {
  it('shows a machine, and its /etc after that was removed and restored', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'boxlite-quickstart-'))
    try {
      const example = runExample('node-quickstart/quickstart.mjs', [], join(folder, 'home'))
      expect([await example.ended, example.said()]).toEqual([0, expect.stringMatching(/^Linux \S+ 6\.1\.[^\n]* i686 GNU\/Linux\n[^]*\npasswd\n/)])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is what the README shows', () => {
    const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
    const calls = (code: string): string[] => code.match(/\w+\.[\w.]+\(.*?\)(?=[\s;).])/g) ?? []
    const shown = /```js\n([^]*?)```/.exec(text('README.md'))![1]!
    const done = text('examples/node-quickstart/quickstart.mjs')
    for (const call of calls(shown)) expect(done).toContain(call)
    expect(calls(shown).length).toBeGreaterThan(5)
  })
})
