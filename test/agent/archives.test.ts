import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { linkSync, lstatSync, mkdirSync, readdirSync, readlinkSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'
import { count } from '../counts.ts'
import { type Field, type Outcome, u32 } from './raw-session.ts'
import { useAgent } from './use-agent.ts'

const { errno } = constants

interface Member {
  readonly name: string
  readonly type?: string
  readonly target?: string
  readonly body?: Uint8Array
  readonly mode?: number
}

/** A tar of the plainest kind, where the real tar would refuse to make one. */
function tarOf(members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ name, type = '0', target = '', body = Buffer.alloc(0), mode = 0o644 }) => {
    const header = Buffer.alloc(512)
    header.write(name, 0, 100, 'latin1')
    header.write(`${mode.toString(8).padStart(7, '0')}\0${'0000000\0'.repeat(2)}`, 100)
    header.write(`${body.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0${' '.repeat(8)}${type}`, 124)
    header.write(target, 157, 100, 'latin1')
    header.write('ustar\x0000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

describe('archives', () => {
  const test = useAgent()
  const at = (name: string): string => `${test.folder}/${name}`

  function tar(...words: string[]): Buffer {
    const done = spawnSync('tar', words, { cwd: test.folder, maxBuffer: 1 << 26 })
    if (done.status !== 0) throw new Error(`tar ${words.join(' ')}: ${String(done.stderr)}`)
    return done.stdout
  }

  async function extract(bytes: Buffer, target: string, flags = 0): Promise<Outcome> {
    test.session.open(3, StreamKind.EXTRACT, [[1, at(target)], [2, u32(flags)]])
    const outcome = test.session.finish(3)
    let ended = false
    void outcome.then(() => (ended = true))
    let credit: number = Protocol.WINDOW_BYTES
    for (let sent = 0; sent < bytes.length && !ended;) {
      const piece = bytes.subarray(sent, sent + Math.min(credit, Protocol.MAX_PAYLOAD_BYTES))
      test.session.data(3, piece)
      sent += piece.length
      credit -= piece.length
      const window = credit > 0 ? null : await Promise.race([test.session.next(FrameType.WINDOW, 3), outcome])
      if (window !== null && 'payload' in window) credit += window.payload.readUInt32LE(1)
    }
    if (!ended) test.session.end(3)
    return await outcome
  }

  async function archive(list: readonly Field[]): Promise<Outcome> {
    test.session.open(4, StreamKind.ARCHIVE, list)
    return await test.session.finish(4)
  }

  /** What there is below a folder, as far as a tar can say it; times in parts of a second, by default all that there are. */
  function contents(folder: string, parts = 1_000_000_000n): Record<string, string> {
    const found: Record<string, string> = {}
    for (const name of readdirSync(at(folder), { recursive: true, encoding: 'utf8' })) {
      const path = at(`${folder}/${name}`)
      const facts = lstatSync(path)
      const body = facts.isSymbolicLink() ? readlinkSync(path) : facts.isFile() ? readFileSync(path).toString('hex') : ''
      const time = (lstatSync(path, { bigint: true }).mtimeNs * parts) / 1_000_000_000n
      found[name] = [facts.mode.toString(8), facts.uid, facts.gid, time, body].join(' ')
    }
    return found
  }

  /** `early`: with times before 1970, which not every form of tar has. */
  function makeTree(early: boolean): void {
    mkdirSync(at('tree/a/b'), { recursive: true })
    mkdirSync(at(`tree/${'long'.repeat(30)}/${'name'.repeat(30)}`), { recursive: true })
    writeFileSync(at(`tree/${'long'.repeat(30)}/${'name'.repeat(30)}/file`), 'deep')
    writeFileSync(at('tree/empty'), '')
    writeFileSync(at('tree/a/block'), Buffer.alloc(512, 1), { mode: 0o4755 })
    writeFileSync(at('tree/a/b/large'), Buffer.alloc(300_001, 'large'))
    writeFileSync(at('tree/grüße'), 'utf-8')
    symlinkSync('a/block', at('tree/link'))
    symlinkSync('/nowhere/at/all', at('tree/absolute'))
    symlinkSync('x'.repeat(200), at('tree/long link'))
    spawnSync('mkfifo', [at('tree/fifo')])
    for (const name of ['a/b', 'a', 'empty']) utimesSync(at(`tree/${name}`), 1e9, 1e9)
    if (early) spawnSync('touch', ['-hd', '1969-12-31T23:59:58.750000001Z', at('tree/a/block'), at('tree/link'), at('tree/a')])
  }

  it.each(['ustar', 'pax', 'gnu', 'oldgnu', 'v7'])('of tar, form %s, are unpacked as they were', async (form) => {
    makeTree(form === 'pax')
    // The oldest forms have no names over 100 bytes, and no pipes.
    const limited = form === 'v7' || form === 'ustar' ? ['--exclude=long*', '--exclude=fifo'] : []
    const bytes = tar('--format', form, ...limited, '--numeric-owner', '-cf', '-', '-C', at('tree'), '.')
    mkdirSync(at('target'))
    const outcome = await extract(bytes, 'target', 1)
    expect([outcome.error, String(outcome.result.get(2) ?? '')]).toEqual([0, ''])
    const parts = form === 'pax' ? 1_000_000_000n : 1n
    const expected = contents('tree', parts)
    if (limited.length > 0) for (const name of Object.keys(expected)) if (/^(?:long|fifo)/.test(name)) delete expected[name]
    expect(contents('target', parts)).toEqual(expected)
    expect(outcome.result.get(1)!.readUInt32LE(0)).toBe(Object.keys(expected).length + 1)
  })

  it('of ours are unpacked by tar, and by ourselves, as they were', async () => {
    makeTree(true)
    const outcome = await archive([[1, at('tree')]])
    expect(outcome.error).toBe(0)
    writeFileSync(at('ours.tar'), outcome.outputs[0])
    mkdirSync(at('by-tar'))
    tar('-xpf', 'ours.tar', '-C', at('by-tar'), '--numeric-owner')
    expect(contents('by-tar/tree')).toEqual(contents('tree'))
    mkdirSync(at('by-us'))
    expect((await extract(outcome.outputs[0], 'by-us', 1)).error).toBe(0)
    expect(contents('by-us/tree')).toEqual(contents('tree'))
    expect(outcome.result.get(1)!.readUInt32LE(0)).toBe(Object.keys(contents('tree')).length + 1)
  })

  it('of one file, of a link, and of what it leads to', async () => {
    writeFileSync(at('file'), 'x')
    symlinkSync('file', at('link'))
    const list = async (fields: readonly Field[]): Promise<string> => {
      writeFileSync(at('one.tar'), (await archive(fields)).outputs[0])
      const listing = String(tar('-tvf', 'one.tar')).trimEnd().split(/ +/)
      return [listing[0], ...listing.slice(5)].join(' ')
    }
    expect(await list([[1, at('file')]])).toBe('-rw-r--r-- file')
    expect(await list([[1, at('link')], [2, u32(1)]])).toBe('-rw-r--r-- link')
    expect(await list([[1, at('link')]])).toBe('lrwxrwxrwx link -> file')
    expect((await archive([[1, at('none')]])).error).toBe(errno.ENOENT)
  })

  it('carry sparse files by what they hold, both ways', async () => {
    const size = 1 << 27
    mkdirSync(at('tree'))
    const file = openSync(at('tree/sparse'), 'w')
    for (let index = 0; index < 60; index++) writeSync(file, Buffer.alloc(5000, index + 1), 0, 5000, index * (1 << 21))
    ftruncateSync(file, size)
    closeSync(file)
    const outcome = await archive([[1, at('tree')]])
    expect(outcome.outputs[0].length).toBeLessThan(1_000_000)
    writeFileSync(at('ours.tar'), outcome.outputs[0])
    mkdirSync(at('by-tar'))
    tar('-xf', 'ours.tar', '-C', at('by-tar'))
    mkdirSync(at('by-us'))
    const theirs = tar('--sparse', '--format=oldgnu', '-cf', '-', 'tree')
    expect((await extract(theirs, 'by-us')).error).toBe(0)
    for (const copy of ['by-tar', 'by-us']) {
      expect(spawnSync('cmp', [at('tree/sparse'), at(`${copy}/tree/sparse`)]).status).toBe(0)
      expect(statSync(at(`${copy}/tree/sparse`)).blocks * 512).toBeLessThan(2_000_000)
    }
  })

  it('make blocks of zeros into holes', async () => {
    const body = Buffer.alloc(4_000_001)
    body.write('start', 0)
    body.write('middle', 2_000_000)
    mkdirSync(at('target'))
    expect((await extract(tarOf([{ name: 'file', body }]), 'target')).error).toBe(0)
    expect(readFileSync(at('target/file')).equals(body)).toBe(true)
    expect(statSync(at('target/file')).blocks * 512).toBeLessThan(1_000_000)
  })

  it('keep hard links, and none leads out', async () => {
    mkdirSync(at('tree'))
    writeFileSync(at('tree/one'), 'x')
    linkSync(at('tree/one'), at('tree/two'))
    mkdirSync(at('target'))
    expect((await extract(tar('-cf', '-', '-C', at('tree'), '.'), 'target')).error).toBe(0)
    expect(statSync(at('target/one')).ino).toBe(statSync(at('target/two')).ino)
    mkdirSync(at('again'))
    expect((await extract((await archive([[1, at('target')]])).outputs[0], 'again')).error).toBe(0)
    expect(statSync(at('again/target/one')).ino).toBe(statSync(at('again/target/two')).ino)
    writeFileSync(at('outside'), 'secret')
    for (const target of ['../outside', at('outside'), 'a/../../outside']) {
      const outcome = await extract(tarOf([{ name: 'bad', type: '1', target }]), 'target')
      expect([outcome.error, String(outcome.result.get(2))]).toEqual([errno.EXDEV, 'bad'])
    }
  })

  it.each([
    ['an absolute name', [{ name: '/escaped' }]],
    ['a name with ..', [{ name: 'fine' }, { name: 'a/../../escaped' }]],
    ['a name that is ..', [{ name: '..', type: '5' }]],
    ['a file through a link', [{ name: 'link', type: '2', target: '..' }, { name: 'link/escaped' }]],
    ['a file through an absolute link', [{ name: 'link', type: '2', target: '/tmp' }, { name: 'link/escaped' }]],
    ['a directory through a link', [{ name: 'link', type: '2', target: '..' }, { name: 'link/escaped', type: '5' }]],
    ['a directory that is a link out', [{ name: 'link', type: '2', target: '..' }, { name: 'link', type: '5' }]],
    ['a hard link to a link out', [{ name: 'link', type: '2', target: '..' }, { name: 'hard', type: '1', target: 'link/outside' }]],
  ] satisfies [string, Member[]][])('with %s are refused, and nothing is written outside', async (_, members) => {
    mkdirSync(at('target'))
    writeFileSync(at('outside'), '')
    const outcome = await extract(tarOf(members), 'target')
    expect([outcome.error, String(outcome.result.get(2))]).toEqual([errno.EXDEV, members.at(-1)!.name])
    expect(outcome.result.get(1)!.readUInt32LE(0)).toBe(members.length - 1)
    expect(readdirSync(test.folder).sort()).toEqual(['outside', 'target'])
  })

  it('go through links that stay inside, and replace what is in their way, but no directory with something in it', async () => {
    mkdirSync(at('target/real'), { recursive: true })
    symlinkSync('real', at('target/link'))
    writeFileSync(at('outside'), 'kept')
    symlinkSync('../outside', at('target/replaced'))
    const body = Buffer.from('new')
    const members = [{ name: 'link/', type: '5', mode: 0o700 }, { name: 'link/file', body }, { name: 'replaced', body }]
    const outcome = await extract(tarOf(members), 'target')
    expect(outcome.error).toBe(0)
    expect(readFileSync(at('target/real/file'), 'utf8')).toBe('new')
    expect(readFileSync(at('target/replaced'), 'utf8')).toBe('new')
    expect(readFileSync(at('outside'), 'utf8')).toBe('kept')
    expect(statSync(at('target/real')).mode & 0o777).toBe(0o700)
    expect((await extract(tarOf([{ name: 'real', body }]), 'target')).error).toBe(errno.EISDIR)
  })

  it('that are none, are cut, or say what is not known are refused', async () => {
    mkdirSync(at('target'))
    const whole = tarOf([{ name: 'file', body: Buffer.alloc(5000, 'x') }])
    const damaged = Buffer.from(whole)
    damaged[3]! ^= 1
    expect((await extract(Buffer.alloc(4096, 'no tar at all'), 'target')).error).toBe(errno.EBADMSG)
    expect((await extract(damaged, 'target')).error).toBe(errno.EBADMSG)
    expect((await extract(whole.subarray(0, 3000), 'target')).error).toBe(errno.EBADMSG)
    expect((await extract(whole.subarray(0, 100), 'target')).error).toBe(errno.EBADMSG)
    const unknown = await extract(tarOf([{ name: 'volume', type: 'V' }]), 'target')
    expect([unknown.error, String(unknown.result.get(2))]).toEqual([errno.EOPNOTSUPP, 'volume'])
    expect((await extract(Buffer.alloc(0), 'target')).error).toBe(0)
    expect((await extract(whole, 'nowhere')).error).toBe(errno.ENOENT)
  })

  it('that are damaged anywhere never hurt the agent', async () => {
    makeTree(true)
    const bytes = tar('--sparse', '--format=gnu', '--exclude=large', '-cf', '-', 'tree')
    let state = 1
    const random = (below: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % below
    for (let round = 0; round < count(100, 3000); round++) {
      const broken = Buffer.from(bytes)
      for (let flips = 0; flips < 3; flips++) {
        const block = random(broken.length / 512) * 512
        broken[block + random(512)] = random(256)
        // With its sum set right again the rest of the header is believed.
        if (broken.toString('latin1', block + 257, block + 262) !== 'ustar') continue
        broken.fill(' ', block + 148, block + 156)
        const sum = broken.subarray(block, block + 512).reduce((total, byte) => total + byte, 0)
        broken.write(`${sum.toString(8).padStart(6, '0')}\0 `, block + 148)
      }
      mkdirSync(at(`target-${round}`))
      await extract(broken, `target-${round}`)
    }
    expect(readdirSync(test.folder).filter((name) => name !== 'tree' && !name.startsWith('target-'))).toEqual([])
  })
})
