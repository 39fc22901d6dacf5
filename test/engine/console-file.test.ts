// The console's log on the disk: what was said is in it, and it stays small.
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CONSOLE_FILE, ConsoleFile, earlierConsole, readConsoleFile, type ConsoleMark } from '../../hosts/node/qemu/console-file.ts'
import { makeRunDirectory } from '../../hosts/node/qemu/run-directory.ts'

const LIMIT_BYTES = 1024 * 1024

describe("the console's file", () => {
  let directory: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-console-'))
  })

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  it('has what was said, in its order, and goes on with a next owner', async () => {
    for (const owner of ['one', 'two']) {
      const file = new ConsoleFile(directory)
      for (let line = 0; line < 100; line++) file.append(Buffer.from(`${owner} ${line}\n`))
      await file.settled()
    }
    const lines = ['one', 'two'].flatMap((owner) => Array.from({ length: 100 }, (_, line) => `${owner} ${line}\n`))
    expect(await readFile(join(directory, CONSOLE_FILE), 'utf8')).toBe(lines.join(''))
  })

  it('never takes much more than twice its limit, however long the guest talks', async () => {
    const file = new ConsoleFile(directory)
    const page = Buffer.alloc(64 * 1024, 'a')
    for (let count = 0; count < 100; count++) {
      file.append(page)
      await file.settled()
    }
    file.append(Buffer.from('last'))
    await file.settled()
    const names = await readdir(directory)
    expect(names.sort()).toEqual([CONSOLE_FILE, `${CONSOLE_FILE}.1`])
    for (const name of names) expect((await stat(join(directory, name))).size).toBeLessThanOrEqual(LIMIT_BYTES + page.length)
    expect(await readFile(join(directory, CONSOLE_FILE), 'utf8')).toMatch(/last$/)
  })

  it('leaves out what the disk cannot keep up with, and holds no more of it', async () => {
    const file = new ConsoleFile(directory)
    for (let count = 0; count < 1000; count++) file.append(Buffer.alloc(64 * 1024, 'a'))
    await file.settled()
    const sizes = await Promise.all((await readdir(directory)).map(async (name) => (await stat(join(directory, name))).size))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4 * LIMIT_BYTES)
  })

  it('is never written or read through a link that QEMU left there', async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such links')
    const victim = join(directory, 'victim')
    await writeFile(victim, 'as it was')
    await symlink(victim, join(directory, CONSOLE_FILE))
    const file = new ConsoleFile(directory)
    file.append(Buffer.from('what the guest says'))
    await file.settled()
    expect(await readFile(victim, 'utf8')).toBe('as it was')
    await expect(earlierConsole(directory)).rejects.toMatchObject({ name: 'BoxLiteError' })
  })

  it('gives a next owner its end, however long somebody made it', async () => {
    expect(await earlierConsole(directory)).toHaveLength(0)
    const path = join(directory, CONSOLE_FILE)
    await writeFile(path, '')
    await truncate(path, 2 ** 40)
    await writeFile(path, 'the end', { flag: 'a' })
    const bytes = await earlierConsole(directory)
    expect(bytes).toHaveLength(LIMIT_BYTES)
    expect(Buffer.from(bytes).toString('latin1')).toMatch(/\0the end$/)
  })

  it('gives those who follow it what was added, and a new file from its beginning', async () => {
    const file = new ConsoleFile(directory)
    const said = async (text: string): Promise<void> => {
      file.append(Buffer.from(text))
      await file.settled()
    }
    let mark: ConsoleMark | null = null
    const next = async (): Promise<string> => {
      const read = await readConsoleFile(directory, mark)
      mark = read.mark
      return Buffer.from(read.bytes).toString('latin1')
    }
    expect(await next()).toBe('')
    await said('one')
    expect([await next(), await next()]).toEqual(['one', ''])
    await said('two')
    expect(await next()).toBe('two')
    await said('x'.repeat(LIMIT_BYTES))
    await said('three')
    expect(await next()).toBe('three')
  })

  it('is in a directory that is the user\'s alone', async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such modes')
    const run = join(directory, 'run', 'box')
    await mkdir(run, { recursive: true, mode: 0o755 })
    await makeRunDirectory(run)
    for (const path of [run, join(run, '..')]) expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it('is gone when the next machine of the box begins', async () => {
    const run = join(directory, 'box')
    await makeRunDirectory(run)
    const file = new ConsoleFile(run)
    for (let count = 0; count < 20; count++) {
      file.append(Buffer.alloc(64 * 1024, 'a'))
      await file.settled()
    }
    expect((await readdir(run)).sort()).toEqual([CONSOLE_FILE, `${CONSOLE_FILE}.1`])
    await makeRunDirectory(run)
    expect(await readdir(run)).toEqual([])
  })

  it('does without a disk that takes nothing', async () => {
    const file = new ConsoleFile(join(directory, 'absent'))
    file.append(Buffer.from('lost'))
    await file.settled()
    expect(await readdir(directory)).toEqual([])
  })
})
