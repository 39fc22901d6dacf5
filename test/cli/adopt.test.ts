// `boxlite adopt`: boxes of the prior implementation, one, all, and those that cannot come.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { OldHome } from '../legacy/old-home.ts'
import { runCli, temporaryDirectory, type Ran } from './run-cli.ts'

const cwd = temporaryDirectory()

/** A box of the old home with one snapshot; its disk holds `byte` at 64 KiB. */
function makeBox(old: OldHome, id: string, byte: number): void {
  const snapshot = old.absolute(`boxes/${id}/snapshots/first/disk.qcow2`)
  const live = old.absolute(`boxes/${id}/disks/disk.qcow2`)
  for (const path of [snapshot, live]) mkdirSync(dirname(path), { recursive: true })
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', snapshot, '1M'])
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', snapshot, '-F', 'qcow2', live])
  execFileSync('qemu-io', ['-f', 'qcow2', '-c', `write -P ${byte} 64k 4k`, live])
}

it('copies one box, then all the others, and says what became of each', async () => {
  await using old = new OldHome()
  makeBox(old, old.box, 7)
  for (const [id, byte] of [['other', 8], ['third', 9]] as const) makeBox(old, id, byte)
  // A box without a disk.
  mkdirSync(old.absolute('boxes/empty/disks'), { recursive: true })
  const run = (...args: string[]): Promise<Ran> => runCli(args, { cwd, env: { BOXLITE_HOME: join(cwd, 'home') } })

  expect(await run('adopt', old.root, old.box)).toMatchObject({
    code: 0,
    err: '',
    out: expect.stringMatching(/^Adopted box 'abcDEF123456' \([0-9a-f]{32}\), with 1 snapshot\n$/) as string,
  })
  const again = await run('adopt', old.root, old.box)
  expect(again).toMatchObject({ code: 1, err: "boxlite: box 'abcDEF123456' already exists. Choose another name, or remove that box.\n" })
  const all = await run('adopt', '--json', old.root)
  expect(all.code).toBe(1)
  expect((JSON.parse(all.out) as { name: string }[]).map(({ name }) => name)).toEqual(['other', 'third'])
  expect(JSON.parse(all.err)).toMatchObject({ error: { code: 'invalid_state', facts: { boxId: 'empty' } } })
  for (const [id, byte] of [[old.box, 7], ['other', 8], ['third', 9]] as const) {
    expect(await run('disk', 'read', `--box=${id}`, '--offset=64K', '--length=4K', `--output=${id}`)).toMatchObject({ code: 0, err: '' })
    expect(readFileSync(join(cwd, id)).equals(Buffer.alloc(4096, byte))).toBe(true)
    expect((await run('snapshot', 'ls', id)).out).toContain('first')
  }
})

it('has nothing to do in a home without boxes, and refuses one that is not there', async () => {
  const run = (...args: string[]): Promise<Ran> => runCli(args, { cwd, env: { BOXLITE_HOME: join(cwd, 'second-home') } })
  mkdirSync(join(cwd, 'nothing'))
  expect(await run('adopt', 'nothing')).toMatchObject({ code: 0, out: 'There is nothing to adopt.\n' })
  expect(await run('adopt', 'absent')).toMatchObject({ code: 1, err: expect.stringMatching(/absent: it does not exist/) as string })
  expect(await run('adopt')).toMatchObject({ code: 64, err: expect.stringMatching(/OLD_HOME is missing/) as string })
})
