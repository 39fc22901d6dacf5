import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { FrameType, Protocol, StreamKind } from '../../src/agent/protocol.ts'
import { type Field, type Outcome, u32, u64 } from './raw-session.ts'
import { useAgent } from './use-agent.ts'

const { errno } = constants

describe('files', () => {
  const test = useAgent()
  const at = (name: string): string => `${test.folder}/${name}`

  async function call(kind: number, list: readonly Field[]): Promise<Outcome> {
    test.session.open(9, kind, list)
    return await test.session.finish(9)
  }

  async function write(list: readonly Field[], bytes: Uint8Array): Promise<Outcome> {
    test.session.open(9, StreamKind.WRITE_FILE, list)
    const most = Protocol.MAX_PAYLOAD_BYTES
    for (let sent = 0; sent < bytes.length; sent += most) test.session.data(9, bytes.subarray(sent, sent + most))
    test.session.end(9)
    return await test.session.finish(9)
  }

  it('are read whole, in part, and beyond their end', async () => {
    const bytes = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, index) => (index * 31) >> 4))
    writeFileSync(at('file'), bytes)
    expect((await call(StreamKind.READ_FILE, [[1, at('file')]])).outputs[0].equals(bytes)).toBe(true)
    const part = await call(StreamKind.READ_FILE, [[1, at('file')], [2, u64(65_000n)], [3, u64(70_000n)]])
    expect(part.outputs[0].equals(bytes.subarray(65_000, 135_000))).toBe(true)
    expect((await call(StreamKind.READ_FILE, [[1, at('file')], [3, u64(0n)]])).outputs[0].length).toBe(0)
    const beyond = await call(StreamKind.READ_FILE, [[1, at('file')], [2, u64(1n << 40n)]])
    expect([beyond.error, beyond.outputs[0].length]).toEqual([0, 0])
    expect(beyond.order).toEqual([FrameType.END, FrameType.DONE])
  })

  it('of the kernel are read too', async () => {
    expect(String((await call(StreamKind.READ_FILE, [[1, '/proc/version']])).outputs[0])).toBe(readFileSync('/proc/version', 'utf8'))
  })

  it('that cannot be read say why', async () => {
    mkdirSync(at('directory'))
    expect((await call(StreamKind.READ_FILE, [[1, at('none')]])).error).toBe(errno.ENOENT)
    expect((await call(StreamKind.READ_FILE, [[1, at('directory')]])).error).toBe(errno.EISDIR)
  })

  it('that is a pipe holds nobody up', async () => {
    await test.session.run(1, ['mkfifo', at('pipe')])
    expect((await call(StreamKind.READ_FILE, [[1, at('pipe')]])).outputs[0].length).toBe(0)
    expect((await call(StreamKind.WRITE_FILE, [[1, at('pipe')]])).error).toBe(errno.ENXIO)
  })

  it('are written, replaced, appended to and kept', async () => {
    const first = await write([[1, at('file')]], Buffer.from('first'))
    expect([first.error, first.result.get(1)!.readBigUInt64LE(0)]).toEqual([0, 5n])
    expect(statSync(at('file')).mode & 0o7777).toBe(0o644)
    await write([[1, at('file')]], Buffer.from('2nd'))
    expect(readFileSync(at('file'), 'utf8')).toBe('2nd')
    await write([[1, at('file')], [3, u32(2)]], Buffer.from(' and more'))
    expect(readFileSync(at('file'), 'utf8')).toBe('2nd and more')
    expect((await write([[1, at('file')], [3, u32(1)]], Buffer.from('never'))).error).toBe(errno.EEXIST)
    expect(readFileSync(at('file'), 'utf8')).toBe('2nd and more')
    expect((await write([[1, `${at('file')}/below`]], Buffer.from('never'))).error).toBe(errno.ENOTDIR)
  })

  it('get their mode exactly, whatever the umask, and keep it when none is given', async () => {
    await write([[1, at('file')], [2, u32(0o4777)]], Buffer.from('x'))
    expect(statSync(at('file')).mode & 0o7777).toBe(0o4777)
    chmodSync(at('file'), 0o600)
    await write([[1, at('file')]], Buffer.from('y'))
    expect(statSync(at('file')).mode & 0o7777).toBe(0o600)
  })

  it('belong to the user that was given', async (ctx) => {
    if (process.getuid!() !== 0) ctx.skip('only root can give files away')
    await write([[1, at('file')], [4, 'daemon']], Buffer.from('x'))
    await call(StreamKind.MAKE_DIRECTORY, [[1, at('a/b')], [3, u32(1)], [4, '5:6']])
    expect([statSync(at('file')).uid, statSync(at('a')).uid, statSync(at('a/b')).gid]).toEqual([1, 5, 6])
    await call(StreamKind.CHANGE_OWNER, [[1, at('file')], [2, '7:8']])
    expect([statSync(at('file')).uid, statSync(at('file')).gid]).toEqual([7, 8])
    expect((await call(StreamKind.CHANGE_OWNER, [[1, at('file')], [2, 'nobody-of-this-name']])).error).toBe(errno.ENOENT)
  })

  it('are written whole on the credits of the agent', async () => {
    const bytes = Buffer.alloc(2_000_000, 'boxlite')
    test.session.open(9, StreamKind.WRITE_FILE, [[1, at('file')]])
    let credit: number = Protocol.WINDOW_BYTES
    for (let sent = 0; sent < bytes.length;) {
      const piece = bytes.subarray(sent, sent + Math.min(credit, Protocol.MAX_PAYLOAD_BYTES))
      test.session.data(9, piece)
      sent += piece.length
      credit -= piece.length
      if (credit === 0) credit += (await test.session.next(FrameType.WINDOW, 9)).payload.readUInt32LE(1)
    }
    test.session.end(9)
    expect((await test.session.finish(9)).result.get(1)!.readBigUInt64LE(0)).toBe(2_000_000n)
    expect(readFileSync(at('file')).equals(bytes)).toBe(true)
  })

  it('that are cancelled in the middle end with ECANCELED', async () => {
    test.session.open(9, StreamKind.WRITE_FILE, [[1, at('file')]])
    test.session.data(9, 'half')
    test.session.send(FrameType.CANCEL, 9)
    expect((await test.session.finish(9)).error).toBe(errno.ECANCELED)
  })

  it('tell their facts, following a link or not', async () => {
    writeFileSync(at('file'), 'x'.repeat(5000))
    symlinkSync('file', at('link'))
    const facts = statSync(at('file'), { bigint: true })
    const stat = (await call(StreamKind.STAT, [[1, at('link')]])).result.get(1)!
    expect(stat.length).toBe(64)
    expect([stat.readUInt32LE(0), stat.readUInt32LE(4), stat.readUInt32LE(12)]).toEqual([Number(facts.mode), Number(facts.uid), 1])
    expect([stat.readBigUInt64LE(24), stat.readBigUInt64LE(32), stat.readBigUInt64LE(40)]).toEqual([facts.ino, 5000n, facts.blocks * 512n])
    expect([stat.readBigInt64LE(48), stat.readBigInt64LE(56)]).toEqual([facts.mtimeNs, facts.ctimeNs])
    const link = (await call(StreamKind.STAT, [[1, at('link')], [2, u32(1)]])).result.get(1)!
    expect(link.readUInt32LE(0)).toBe(lstatSync(at('link')).mode)
    expect(String(link.subarray(64))).toBe('file')
    const device = (await call(StreamKind.STAT, [[1, '/dev/null']])).result.get(1)!
    expect(device.readBigUInt64LE(16)).toBe(statSync('/dev/null', { bigint: true }).rdev)
    expect((await call(StreamKind.STAT, [[1, at('none')]])).error).toBe(errno.ENOENT)
  })

  it('are listed, thousands of them', async () => {
    const names = Array.from({ length: 3000 }, (_, index) => `${'n'.repeat(index % 200)}-${index}`)
    for (const name of names) writeFileSync(at(name), '')
    symlinkSync('somewhere', at('a link'))
    const bytes = (await call(StreamKind.LIST, [[1, test.folder]])).outputs[0]
    const found = new Map<string, Buffer>()
    for (let from = 0; from < bytes.length;) {
      const nameLength = bytes.readUInt16LE(from)
      const statLength = bytes.readUInt16LE(from + 2 + nameLength)
      const start = from + 4 + nameLength
      found.set(String(bytes.subarray(from + 2, from + 2 + nameLength)), bytes.subarray(start, start + statLength))
      from = start + statLength
    }
    expect([...found.keys()].sort()).toEqual([...names, 'a link'].sort())
    expect(String(found.get('a link')!.subarray(64))).toBe('somewhere')
    expect((await call(StreamKind.LIST, [[1, at('a link')]])).error).toBe(errno.ENOENT)
    expect((await call(StreamKind.LIST, [[1, at(names[0]!)]])).error).toBe(errno.ENOTDIR)
  })

  it('have directories, with parents where wanted', async () => {
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, at('a/b/c')]])).error).toBe(errno.ENOENT)
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, at('a/b//c/')], [2, u32(0o1777)], [3, u32(1)]])).error).toBe(0)
    expect(statSync(at('a/b/c')).mode & 0o7777).toBe(0o1777)
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, at('a/b/c')], [3, u32(1)]])).error).toBe(0)
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, at('a/b/c')]])).error).toBe(errno.EEXIST)
    writeFileSync(at('file'), '')
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, at('file')], [3, u32(1)]])).error).toBe(errno.ENOTDIR)
    expect((await call(StreamKind.MAKE_DIRECTORY, [[1, ''], [3, u32(1)]])).error).toBe(errno.ENOENT)
  })

  it('are removed, with what is below them where wanted, and never through a link', async () => {
    mkdirSync(at('kept'))
    writeFileSync(at('kept/file'), '')
    mkdirSync(at('tree/deep/er'), { recursive: true })
    symlinkSync(at('kept'), at('tree/deep/link'))
    for (let index = 0; index < 2000; index++) writeFileSync(at(`tree/deep/${index}`), '')
    expect((await call(StreamKind.REMOVE, [[1, at('tree')]])).error).toBe(errno.ENOTEMPTY)
    expect((await call(StreamKind.REMOVE, [[1, at('tree')], [2, u32(1)]])).error).toBe(0)
    expect(readdirSync(test.folder)).toEqual(['kept'])
    expect(existsSync(at('kept/file'))).toBe(true)
    expect((await call(StreamKind.REMOVE, [[1, at('tree')], [2, u32(1)]])).error).toBe(errno.ENOENT)
    expect((await call(StreamKind.REMOVE, [[1, at('tree')], [2, u32(3)]])).error).toBe(0)
    expect((await call(StreamKind.REMOVE, [[1, '/'], [2, u32(1)]])).error).toBe(errno.EBUSY)
  })

  it('are refused where more than 512 directories are within each other, as a copy and a removal', async () => {
    for (const [name, levels, error] of [['deep', 512, 0], ['deeper', 600, errno.ELOOP]] as const) {
      mkdirSync(at(`${name}${'/d'.repeat(levels - 1)}`), { recursive: true })
      expect((await call(StreamKind.ARCHIVE, [[1, at(name)]])).error, name).toBe(error)
      expect((await call(StreamKind.REMOVE, [[1, at(name)], [2, u32(1)]])).error, name).toBe(error)
    }
  })

  it('are renamed, and their mode is changed', async () => {
    writeFileSync(at('old'), 'x')
    expect((await call(StreamKind.RENAME, [[1, at('old')], [2, at('new')]])).error).toBe(0)
    expect((await call(StreamKind.CHANGE_MODE, [[1, at('new')], [2, u32(0o2750)]])).error).toBe(0)
    expect(statSync(at('new')).mode & 0o7777).toBe(0o2750)
    expect((await call(StreamKind.RENAME, [[1, at('old')], [2, at('new')]])).error).toBe(errno.ENOENT)
  })
})
