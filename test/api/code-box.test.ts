// Python in a box, on every engine that Node has, of the image as it is built from Debian's packages.
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BoxLite, CodeBox } from '../../hosts/node/index.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../../hosts/node/v86/engine.ts'
import { describeWhere } from '../describe-where.ts'
import { whyNoBox } from './why-no-box.ts'

for (const engine of [new QemuEngine(), createV86Engine()]) {
  const why = await whyNoBox(engine, 'python')

  describeWhere(why, `a CodeBox on ${engine.name}`, () => {
    let directory: string
    let lite: BoxLite
    let code: CodeBox

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'boxlite-code-'))
      lite = await BoxLite.open({ homeDir: join(directory, 'home'), engine: engine.name })
      code = new CodeBox({ lite, workingDir: '/root' })
    })
    afterAll(async () => {
      await lite.close()
      await rm(directory, { recursive: true })
    })

    it('runs Python 3 with its standard library, a process for each piece of code', async () => {
      const script = 'import hashlib, json, platform, sqlite3, sys\n' +
        'x = sqlite3.connect(":memory:").execute("select 6 * 7").fetchone()[0]\n' +
        'print(json.dumps([sys.version_info.major, platform.machine(), x, hashlib.sha256(b"boxlite").hexdigest()]))'
      const { stdout, stderr, exitCode } = await code.run(script)
      expect([stderr, exitCode]).toEqual(['', 0])
      expect(JSON.parse(stdout)).toEqual([3, 'i686', 42, createHash('sha256').update('boxlite').digest('hex')])
      expect(await code.run('print("x" in globals())')).toMatchObject({ stdout: 'False\n', exitCode: 0 })
    })

    it('gives code its input and environment, and takes text of every language', async () => {
      const script = 'import os, sys; print(sys.stdin.read() + os.environ["WHO"] + "\u{1f40d}")'
      expect(await code.run(script, { stdin: 'grüße, ', env: { WHO: '世界' } })).toMatchObject({ stdout: 'grüße, 世界\u{1f40d}\n', exitCode: 0 })
    })

    it('tells of an exception as a result', async () => {
      const { exitCode, stdout, stderr } = await code.run('print("before", flush=True)\n1 / 0')
      expect([exitCode, stdout]).toEqual([1, 'before\n'])
      expect(stderr).toContain('ZeroDivisionError: division by zero')
    })

    it('ends code that takes too long, and keeps no more output than was asked for', async () => {
      expect(await code.run('while True: pass', { timeoutMs: 1000 })).toMatchObject({ exitCode: null, timedOut: true })
      const loud = await code.run('print("x" * 100_000)', { maxOutputBytes: 10 })
      expect(loud).toMatchObject({ stdout: 'x'.repeat(10), truncated: true, exitCode: 0 })
    })

    it('imports what is put into its box, and leaves nothing when it stops', async () => {
      const box = await code.box()
      await box.files.write('/root/greeting.py', 'text = "from a file"\n')
      expect(await code.run('import greeting; print(greeting.text)')).toMatchObject({ stdout: 'from a file\n', exitCode: 0 })
      await code.stop()
      expect(await lite.list()).toEqual([])
    })
  })
}
