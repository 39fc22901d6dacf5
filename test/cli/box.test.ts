// The commands on boxes and homes, one by one: what they print, what they refuse, with which exit code.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Ran, runCli, runProgram, startCli, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()
const bytes = randomBytes(100_000)

/** Runs a command in the home of these tests. */
async function inHome(args: readonly string[], input?: Uint8Array): Promise<Ran> {
  return await runCli(args, { cwd, env: { BOXLITE_HOME: join(cwd, 'home') }, ...(input === undefined ? {} : { input }) })
}

async function run(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await inHome(args)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
}

async function json(...args: readonly string[]): Promise<unknown> {
  return JSON.parse(await run(...args, '--json'))
}

async function refused(...args: readonly string[]): Promise<{ code: number | null; err: string }> {
  const { code, out, err } = await inHome(args)
  expect(out).toBe('')
  expect(err.trimEnd()).not.toContain('\n')
  return { code, err }
}

const id = /^[0-9a-f]{32}$/
const isoDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

beforeAll(async () => {
  writeFileSync(join(cwd, 'bytes'), bytes)
  await run('disk', 'create', 'disk.qcow2', '64M')
  await run('disk', 'write', 'disk.qcow2', '--offset=5M', '--input=bytes')
})

describe('create', () => {
  it('copies an image into a box', async () => {
    expect(await json('create', '--name=web', '--disk=disk.qcow2')).toEqual({
      id: expect.stringMatching(id) as string,
      name: 'web',
      state: 'created',
      image: null,
      settings: { cpus: 1, memoryMib: 512 },
      machine: null,
      createdAt: expect.stringMatching(isoDate) as string,
      snapshotCount: 0,
      currentSnapshot: null,
      attention: null,
      disk: { virtualSizeBytes: 64 << 20, layerCount: 2, ownBytes: expect.any(Number) as number },
    })
    const read = await inHome(['disk', 'read', '--box=web', '--offset=5M', '--length=100000'])
    expect(read.stdout.equals(bytes)).toBe(true)
  })

  it('takes a raw image for raw when it is told to, whatever its first bytes say', async () => {
    await run('create', '--name=raw', '--disk=disk.qcow2', '--format=raw')
    const { stdout } = await inHome(['disk', 'read', '--box=raw', '--length=4'])
    expect(stdout).toEqual(Buffer.from('QFI\xfb', 'latin1'))
    await run('rm', 'raw')
  })

  it('takes the name as an operand too, but not two of them', async () => {
    expect(await json('create', 'named', '--size=1M')).toMatchObject({ name: 'named' })
    expect(await json('clone', 'named', 'twin')).toMatchObject({ name: 'twin' })
    await run('export', 'twin', 'twin.tar')
    expect(await json('import', 'twin.tar', 'third')).toMatchObject({ name: 'third', createdAt: expect.stringMatching(isoDate) as string })
    for (const args of [['create'], ['clone', 'named'], ['import', 'twin.tar']]) {
      const { code, err } = await refused(...args, 'one', '--name=two')
      expect(code).toBe(64)
      expect(err).toMatch(/'one' and --name=two are two names/)
    }
    for (const name of ['named', 'twin', 'third']) await run('rm', name)
  })

  it('does not take an image of a foreign form for a raw disk', async () => {
    await runProgram('qemu-img', ['create', '-q', '-f', 'vmdk', 'disk.vmdk', '1M'], cwd)
    const { code, err } = await refused('create', '--disk=disk.vmdk')
    expect(code).toBe(1)
    expect(err).toMatch(/looks like an image of the form VMDK/)
    await run('create', 'as-it-is', '--disk=disk.vmdk', '--format=raw')
    await run('rm', 'as-it-is')
  })

  it('makes an empty disk of a size', async () => {
    expect(await json('create', '--size=3145000')).toMatchObject({ name: null, disk: { virtualSizeBytes: 3_145_216 } })
  })

  it('refuses a name that is taken or bad, and an image that names another file', async () => {
    expect(await refused('create', '--name=web')).toEqual({
      code: 1,
      err: "boxlite: box 'web' already exists. Choose another name, or remove that box.\n",
    })
    expect((await refused('create', '--name=a/b')).err).toMatch(/^boxlite: Box name contains invalid characters \(\/, \\, or null byte\)\./)
    await run('disk', 'create', '-b', 'disk.qcow2', '-F', 'qcow2', 'over.qcow2')
    expect(await refused('create', '--disk=over.qcow2')).toMatchObject({ code: 1, err: expect.stringMatching(/boxlite disk convert/) as string })
    expect(await refused('create', '--disk=absent')).toMatchObject({ code: 1, err: expect.stringMatching(/absent: it does not exist/) as string })
    expect((await refused('create', '--size=bogus')).code).toBe(64)
    expect((await refused('create', '--format=raw')).err).toMatch(/--format needs --disk/)
  })
})

describe('ls, info and rm', () => {
  it('list, show and remove boxes', async () => {
    const all = (await json('ls')) as { id: string; name: string | null }[]
    expect(all.map(({ name }) => name)).toEqual(['web', null])
    const lines = (await run('ls')).split('\n')
    expect(lines[0]).toMatch(/^NAME +ID +STATE +IMAGE +CREATED +SNAPSHOTS +AFTER$/)
    expect(lines[1]).toMatch(/^web +[0-9a-f]{32} +created +\d{4}-\d\d-\d\d \d\d:\d\d +0$/)
    const info = await run('info', 'web')
    expect(info).toMatch(/^name: +web\nid: +[0-9a-f]{32}\nstate: +created\nimage: +\(none\)\nruns with: +1 processor, 512 MiB\ncreated: .*\n/)
    expect(info).toMatch(/\ndisk: +64 MiB \(67108864 bytes\), 2 layers\n/)
    expect(await run('rm', all[1]!.id)).toBe(`Removed box ${all[1]!.id}\n`)
    expect((await json('ls')) as unknown[]).toHaveLength(1)
  })

  it('know a box by its id or its whole name, never by a part of either', async () => {
    const [{ id }] = (await json('ls')) as [{ id: string }]
    expect(await json('info', id)).toMatchObject({ name: 'web' })
    for (const part of [id.slice(0, 12), 'we', 'WEB']) {
      expect(await refused('info', part)).toEqual({
        code: 1,
        err: `boxlite: box '${part}' not found in ${join(cwd, 'home')}. Run 'boxlite ls' to see the boxes.\n`,
      })
    }
  })
})

describe('rm of a box whose record is damaged', () => {
  it('needs --force and the id, and says what is lost', async () => {
    await run('prune')
    const { id: damaged } = (await json('create', 'doomed', '--size=1M')) as { id: string }
    const record = join(cwd, 'home/boxes', `${damaged}.json`)
    writeFileSync(record, readFileSync(record).subarray(0, 40))
    expect((await refused('rm', 'doomed')).code).toBe(1)
    const { code, err } = await refused('rm', damaged)
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/is damaged at byte 40\. .*remove the box with force/) as string })
    expect(readFileSync(record).length).toBe(40)
    expect(await run('rm', '--force', damaged)).toMatch(/^Removed box [0-9a-f]{32}; its record was damaged, and 'boxlite prune' now deletes /)
    expect(await json('prune')).toMatchObject({ complete: true, deleted: 1 })
    expect((await refused('rm', '--force', damaged)).err).toMatch(/not found/)
  })
})

describe('snapshot', () => {
  it('creates, lists, shows, draws, restores and removes', async () => {
    expect(await json('snapshot', 'create', 'web', 'first', '-d', 'as it was')).toMatchObject({
      name: 'first',
      description: 'as it was',
      parent: null,
      createdAt: expect.stringMatching(isoDate) as string,
      virtualSizeBytes: 64 << 20,
      consistency: 'stopped',
    })
    expect(await run('snapshot', 'create', 'web', 'second')).toBe("Made snapshot 'second' of 64 MiB\n")
    expect(await run('snapshot', 'restore', 'web', 'first', '--keep-current=kept')).toBe("Restored 'first'; what was there is kept as 'kept'\n")
    await run('snapshot', 'create', 'web', 'third')
    expect(((await json('snapshot', 'ls', 'web')) as { name: string }[]).map(({ name }) => name)).toEqual(['third', 'kept', 'second', 'first'])
    expect((await run('snapshot', 'ls', 'web')).split('\n')[4]).toMatch(/^first +\d{4}-\d\d-\d\d \d\d:\d\d +\d+ KiB +as it was$/)
    expect(await run('snapshot', 'show', 'web', 'third')).toMatch(/^name: +third\n.*\n.*\nafter: +first\n/)
    expect((await run('snapshot', 'tree', 'web')).replace(/ {2}\d{4}-\d\d-\d\d \d\d:\d\d/g, '')).toBe(
      ['first', '├─ second', '│  └─ kept', '└─ third', '   └─ (the disk as it is now)', ''].join('\n'),
    )
    expect(await run('snapshot', 'rm', 'web', 'second')).toBe("Removed snapshot 'second'\n")
    expect(await json('snapshot', 'show', 'web', 'kept')).toMatchObject({ parent: 'first' })
  })

  it('says which of box and snapshot is not there, or there already', async () => {
    expect((await refused('snapshot', 'show', 'web', 'nope')).err).toBe(
      "boxlite: snapshot 'nope' not found for box 'web'. Run 'boxlite snapshot ls web' to see its snapshots.\n",
    )
    for (const command of ['restore', 'rm']) {
      const { code, err } = await refused('snapshot', command, 'web', 'nope')
      expect(code).toBe(1)
      expect(err).toMatch(/snapshot 'nope' not found/)
    }
    expect((await refused('snapshot', 'ls', 'nobody')).err).toMatch(/^boxlite: box 'nobody' not found/)
    expect((await refused('snapshot', 'create', 'web', 'first')).err).toMatch(/'first' already exists/)
    expect((await refused('snapshot', 'create', 'web', '.hidden')).err).toMatch(/^boxlite: Snapshot name cannot start with '\.'/)
    expect((await refused('snapshot')).code).toBe(64)
  })
})

describe('disk --box', () => {
  it('writes the disk of a box, and reads it and its snapshots', async () => {
    const { code, out } = await inHome(['disk', 'write', '--box=web', '--offset=1M'], bytes)
    expect({ code, out }).toEqual({ code: 0, out: 'Wrote 97.7 KiB (100000 bytes) at 1048576\n' })
    expect((await inHome(['disk', 'read', '--box=web', '--offset=1M', '--length=100000'])).stdout.equals(bytes)).toBe(true)
    const before = await inHome(['disk', 'read', '--box=web', '--snapshot=first', '--offset=1M', '--length=100000'])
    expect(before.stdout.equals(Buffer.alloc(100_000))).toBe(true)
    const extents = (await json('disk', 'map', '--box=web')) as { kind: string; depth: number }[]
    expect(extents.filter(({ kind }) => kind === 'data').map(({ depth }) => depth)[0]).toBe(0)
  })

  it('refuses a snapshot that is not there, and to write one', async () => {
    expect((await refused('disk', 'read', '--box=web', '--snapshot=nope')).err).toMatch(/snapshot 'nope' not found/)
    expect((await refused('disk', 'write', '--box=web', '--snapshot=first')).code).toBe(64)
  })
})

describe('clone, export and import', () => {
  it('make boxes of boxes', async () => {
    expect(await json('clone', 'web', '--name=copy', '--snapshot=first')).toMatchObject({ name: 'copy', snapshotCount: 0 })
    expect(await run('export', 'web', 'web.tar')).toMatch(/^Wrote web\.tar: \d+ KiB \(\d+ bytes\)\n$/)
    expect(await run('import', 'web.tar', '--name=again')).toMatch(/^Made box 'again' \([0-9a-f]{32}\), with 3 snapshots\n$/)
    for (const box of ['web', 'again']) {
      expect((await inHome(['disk', 'read', `--box=${box}`, '--offset=1M', '--length=100000'])).stdout.equals(bytes)).toBe(true)
    }
    expect((await inHome(['disk', 'read', '--box=copy', '--offset=1M', '--length=100000'])).stdout.equals(Buffer.alloc(100_000))).toBe(true)
  })

  it('work in pipes', async () => {
    const archive = await inHome(['export', 'web', '-', '--snapshot=first'])
    expect({ code: archive.code, err: archive.err }).toEqual({ code: 0, err: '' })
    const { code, out } = await inHome(['import', '-', '--name=piped', '--json'], archive.stdout)
    expect({ code, box: JSON.parse(out) as unknown }).toMatchObject({ code: 0, box: { name: 'piped' } })
  })

  it('refuse to replace a file, a name that is taken, and a damaged archive', async () => {
    expect(await refused('export', 'web', 'web.tar')).toMatchObject({ code: 1, err: expect.stringMatching(/web\.tar exists already/) as string })
    await run('export', '--overwrite', 'web', 'web.tar')
    expect((await refused('import', 'web.tar')).err).toMatch(/box 'web' already exists/)
    const damaged = readFileSync(join(cwd, 'web.tar'))
    damaged[damaged.indexOf(bytes.subarray(0, 16))]! ^= 1
    writeFileSync(join(cwd, 'damaged.tar'), damaged)
    expect((await refused('import', 'damaged.tar', '--name=x')).code).toBe(1)
    expect((await refused('info', 'x')).err).toMatch(/not found/)
    const remedy = /Name a file that 'boxlite export' made\. A disk image becomes a box with 'boxlite create --disk'\./
    expect((await refused('import', 'disk.qcow2')).err).toMatch(remedy)
    expect((await refused('export', 'web', 'home/layers/x.tar')).err).toMatch(/is inside the boxlite home/)
  })
})

describe('an import that is interrupted', () => {
  it('ends with 130 and leaves no box and no layer', async () => {
    const before = readdirSync(join(cwd, 'home/layers')).sort()
    const child = startCli(['import', '-', '--name=half'], { cwd, env: { BOXLITE_HOME: join(cwd, 'home') } })
    let err = ''
    child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
    child.stdin!.on('error', () => undefined)
    // All but the digests: more than a pipe holds, so the command has begun to read when all of it is taken.
    const archive = readFileSync(join(cwd, 'web.tar'))
    await new Promise<void>((resolve) => child.stdin!.write(archive.subarray(0, archive.length - 4096), () => resolve()))
    child.kill('SIGINT')
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(130)
    expect(err).toBe('boxlite: interrupted.\n')
    expect(readdirSync(join(cwd, 'home/layers')).sort()).toEqual(before)
    expect((await refused('info', 'half')).err).toMatch(/not found/)
  })
})

describe('prune and fsck', () => {
  it('give space back and leave the boxes as they are', async () => {
    for (const name of ['piped', 'again', 'copy']) await run('rm', name)
    const before = readdirSync(join(cwd, 'home/layers')).length
    const report = (await json('prune')) as { deleted: number; complete: boolean }
    expect(report.complete).toBe(true)
    expect(report.deleted).toBeGreaterThan(3)
    expect(readdirSync(join(cwd, 'home/layers')).length).toBeLessThan(before - 2)
    expect(await run('prune')).toBe('Deleted 0 files, folded 0 layers.\n')
    expect((await inHome(['disk', 'read', '--box=web', '--offset=1M', '--length=100000'])).stdout.equals(bytes)).toBe(true)
  })

  it('find a home clean, say what they would repair, and repair it', async () => {
    expect(await run('fsck')).toMatch(/^Clean: 1 box, 3 snapshots, 0 images, \d+ layers checked\.\n$/)
    writeFileSync(join(cwd, 'home/layers', `${'0'.repeat(32)}.tmp`), 'half a layer')
    expect((await run('fsck')).split('\n')[0]).toBe(`leftover: layers/${'0'.repeat(32)}.tmp: a temporary file (--repair: it is deleted)`)
    await run('fsck', '--repair')
    expect(await run('fsck')).toMatch(/^Clean:/)
  })

  it('go on with the other boxes where one record cannot be read, and delete nothing', async () => {
    const strange = join(cwd, 'home/boxes', `${'1'.repeat(32)}.json`)
    mkdirSync(strange)
    const layer = join(cwd, 'home/layers', `${'2'.repeat(32)}.tmp`)
    writeFileSync(layer, 'perhaps of that box')
    expect(await run('ls')).toMatch(/^ +1{32} +0 +Cannot open .* not a regular file$/m)
    expect(await json('info', 'web')).toMatchObject({ name: 'web' })
    expect((await refused('create', 'perhaps-taken')).err).toMatch(/not a regular file/)
    const fsck = await inHome(['fsck', '--repair'])
    expect(fsck.code).toBe(1)
    expect(fsck.out).toMatch(/^damage: boxes\/1{32}\.json: Cannot open/)
    expect(fsck.out).toContain('a temporary file, as far as can be read; it stays\n')
    expect((await inHome(['prune'])).out).toMatch(/^Nothing was deleted/)
    expect(readFileSync(layer, 'utf8')).toBe('perhaps of that box')
    rmdirSync(strange)
    expect(await run('prune')).toBe('Deleted 1 file, folded 0 layers.\n')
  })

  it('say once what stays', async () => {
    writeFileSync(join(cwd, 'home/layers/notes.txt'), '')
    await run('snapshot', 'create', 'web', 'passing')
    await run('snapshot', 'rm', 'web', 'passing')
    expect(await run('prune')).toBe('Deleted 1 file, folded 1 layer.\n  layers/notes.txt is not a name of this home; it stays\n')
    rmSync(join(cwd, 'home/layers/notes.txt'))
  })

  it('tell damage with exit code 1, and then delete nothing', async () => {
    const { id } = (await json('info', 'web')) as { id: string }
    const record = join(cwd, 'home/boxes', `${id}.json`)
    renameSync(record, join(cwd, 'record'))
    writeFileSync(record, readFileSync(join(cwd, 'record')).subarray(0, 100))
    const fsck = await inHome(['fsck'])
    expect(fsck.code).toBe(1)
    expect(fsck.out).toMatch(/^damage: boxes\/[0-9a-f]{32}\.json: /)
    const before = readdirSync(join(cwd, 'home/layers')).sort()
    const prune = await inHome(['prune'])
    expect(prune.code).toBe(1)
    expect(prune.out).toMatch(/^Nothing was deleted: not everything in the home can be read\./)
    expect(readdirSync(join(cwd, 'home/layers')).sort()).toEqual(before)
    expect((await inHome(['ls'])).out).toContain(id)
    renameSync(join(cwd, 'record'), record)
    expect(await run('fsck')).toMatch(/^Clean:/)
  })
})

describe('the home', () => {
  it('is what --home says, before BOXLITE_HOME', async () => {
    expect(await json('ls', '--home=other')).toEqual([])
    expect(readFileSync(join(cwd, 'other/format'), 'utf8')).toBe('boxlite home 1\n')
  })

  it('is not waited for where no directory can be made', async () => {
    expect((await refused('ls', '--home=/proc/boxlite')).err).toMatch(/^boxlite: Cannot make \/proc\/boxlite: it does not exist \(ENOENT\)\./)
  })

  it('is made with all that is above it, and is never a file', async () => {
    expect(await json('ls', '--home=far/away/home')).toEqual([])
    writeFileSync(join(cwd, 'plain'), '')
    expect((await refused('ls', '--home=plain')).err).toMatch(/plain is not a directory\. Name an empty directory/)
    expect((await refused('ls', '--home=plain/home')).err).toMatch(/what stands above it is not a directory \(ENOTDIR\)/)
  })

  it('is not made where something else is', async () => {
    mkdirSync(join(cwd, 'documents'))
    writeFileSync(join(cwd, 'documents/letter'), '')
    expect((await refused('ls', '--home=documents')).err).toMatch(/documents is not a boxlite home, and it is not empty\. Name an empty directory/)
    expect((await runProgram('ls', ['documents'], cwd)).out).toBe('letter\n')
  })
})
