// What `files` promises, copying in and out included, on whatever has an agent: called once for each.
import { execFileSync } from 'node:child_process'
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { isBoxLiteError } from '../../src/error.ts'
import type { BoxFiles } from '../../src/files/box-files.ts'
import type { FilesProgress } from '../../src/files/file-options.ts'
import type { StartProgress } from '../../src/machine/launch.ts'
import { collect } from '../archive/streams.ts'
import type { ExecSubject, Opened } from './exec-suite.ts'

export interface FilesSubject extends Pick<ExecSubject, 'exec'> {
  readonly files: BoxFiles
}

const MIB = 2 ** 20

/** A pattern in which a byte in the wrong place is seen. */
const pattern = (length: number): Uint8Array<ArrayBuffer> => Uint8Array.from({ length }, (_value, at) => (at * 31 + (at >> 9)) & 0xff)

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (isBoxLiteError(error) ? error.code : String(error)),
  )

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
}

/** Declares the tests; `open` gives a running subject for all of them. With a `refusal`, why there is none, they are skipped. */
export function filesSuite(name: string, open: () => Promise<Opened<FilesSubject>>, refusal: string | null = null): void {
  describe(`files on ${name}`, () => {
    let opened: Opened<FilesSubject>
    let box: FilesSubject
    let files: BoxFiles
    /** A directory in the box, and one of this machine, new for each test. */
    let there = ''
    let here = ''
    let turn = 0
    const folder = mkdtempSync(join(tmpdir(), 'boxlite-files-'))

    beforeAll(async () => {
      if (refusal !== null) return
      opened = await open()
      box = opened.subject
      files = box.files
    })
    beforeEach(async (context) => {
      if (refusal !== null) context.skip(refusal)
      here = join(folder, String(turn++))
      mkdirSync(here)
      there = (await box.exec('mktemp', ['-d'])).stdout.trim()
    })
    afterAll(async () => {
      await opened?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const sh = async (script: string, ...args: string[]): Promise<string> =>
      (await box.exec('sh', ['-c', script, 'sh', ...args], { cwd: there }).orThrow()).stdout

    contents()
    names()
    copyingIn()
    copyingOut()
    distrust()

    function contents(): void {
      it('write and read bytes and text', async () => {
        const bytes = pattern(3 * MIB + 5)
        await files.write(`${there}/bytes`, bytes)
        expect(Buffer.from(await files.read(`${there}/bytes`)).equals(bytes)).toBe(true)
        await files.write(`${there}/text`, '\uFEFFgrüße\n')
        expect(await files.readText(`${there}/text`)).toBe('\uFEFFgrüße\n')
        expect(await sh('cat text')).toBe('\uFEFFgrüße\n')
      })

      it('read a part, and refuse what is longer than it may be', async () => {
        await files.write(`${there}/x`, '0123456789')
        expect(await files.readText(`${there}/x`, { offset: 3, length: 4 })).toBe('3456')
        expect(await files.readText(`${there}/x`, { offset: 8 })).toBe('89')
        expect(await files.readText(`${there}/x`, { offset: 80 })).toBe('')
        expect(await codeOf(files.read(`${there}/x`, { maxBytes: 9 }))).toBe('limit')
        expect(await files.readText(`${there}/x`, { maxBytes: 10 })).toBe('0123456789')
      })

      it('write in place of what was there, at its end, or only where nothing was', async () => {
        const path = `${there}/x`
        await files.write(path, 'a longer text')
        await files.write(path, 'short')
        await files.write(path, ' and more', { append: true })
        expect(await files.readText(path)).toBe('short and more')
        expect(await codeOf(files.write(path, 'x', { exclusive: true }))).toBe('already_exists')
        await files.write(`${there}/new`, 'x', { exclusive: true, mode: 0o640, user: '12:34' })
        expect(await files.stat(`${there}/new`)).toMatchObject({ mode: 0o640, uid: 12, gid: 34 })
      })

      it('stream both ways, and take what comes in pieces', async () => {
        const bytes = pattern(2 * MIB)
        const writer = files.writeStream(`${there}/x`).getWriter()
        for (let at = 0; at < bytes.length; at += 300_001) await writer.write(bytes.subarray(at, at + 300_001))
        await writer.close()
        expect(Buffer.from(await collect(chunksOf(files.readStream(`${there}/x`)))).equals(bytes)).toBe(true)
        await files.write(`${there}/y`, files.readStream(`${there}/x`))
        expect(await sh('cmp x y && echo same')).toBe('same\n')
      })

      it('leave a stream in the middle without harm', async () => {
        await files.write(`${there}/x`, pattern(2 * MIB))
        const reader = files.readStream(`${there}/x`).getReader()
        expect((await reader.read()).done).toBe(false)
        await reader.cancel()
        const writer = files.writeStream(`${there}/y`).getWriter()
        await writer.write('x')
        await writer.abort()
        expect((await files.stat(`${there}/x`)).sizeBytes).toBe(2 * MIB)
      })

      it('read files that do not know their length', async () => {
        expect(await files.readText('/proc/self/status')).toContain('Pid:')
      })
    }

    function names(): void {
      it('say what a file is', async () => {
        await sh('echo hello > f; chmod 4755 f; touch -d @1000000000 f; ln f g; ln -s f l; mkdir d; mkfifo p')
        expect(await files.stat(`${there}/f`)).toMatchObject({ kind: 'file', mode: 0o4755, links: 2, sizeBytes: 6, target: null, device: null })
        expect((await files.stat(`${there}/f`)).modifiedAt).toEqual(new Date(1_000_000_000_000))
        expect((await files.stat(`${there}/l`)).kind).toBe('file')
        expect(await files.stat(`${there}/l`, { followLinks: false })).toMatchObject({ kind: 'link', target: 'f' })
        expect((await files.stat(`${there}/d`)).kind).toBe('directory')
        expect((await files.stat(`${there}/p`)).kind).toBe('fifo')
        expect(await files.stat('/dev/null')).toMatchObject({ kind: 'character', device: { major: 1, minor: 3 } })
      })

      it('list a directory by name, links as links', async () => {
        await sh('echo x > b; mkdir a; ln -s /nowhere c; echo y > "$1"', 'ü \n')
        const entries = await files.list(there)
        expect(entries.map((entry) => [entry.name, entry.kind])).toEqual([['a', 'directory'], ['b', 'file'], ['c', 'link'], ['ü \n', 'file']])
        expect(entries[1]).toMatchObject({ sizeBytes: 2 })
        expect(await files.list(`${there}/a`)).toEqual([])
      })

      it('list more names than one frame holds', async () => {
        await sh('i=0; while [ $i -lt 800 ]; do : > "a-rather-long-name-of-a-file-$i"; i=$((i+1)); done')
        expect(await files.list(there)).toHaveLength(800)
      })

      it('make, rename, change and remove', async () => {
        expect(await codeOf(files.mkdir(`${there}/a/b`))).toBe('not_found')
        await files.mkdir(`${there}/a/b`, { recursive: true })
        await files.mkdir(`${there}/a/b`, { recursive: true })
        expect(await codeOf(files.mkdir(`${there}/a/b`))).toBe('already_exists')
        await files.mkdir(`${there}/c`, { mode: 0o700, user: 'nobody' })
        expect((await files.stat(`${there}/c`)).mode).toBe(0o700)
        await files.write(`${there}/a/x`, 'x')
        await files.rename(`${there}/a/x`, `${there}/a/b/y`)
        await files.chmod(`${there}/a/b/y`, 0o600)
        await files.chown(`${there}/a/b/y`, '7:8')
        expect(await files.stat(`${there}/a/b/y`)).toMatchObject({ mode: 0o600, uid: 7, gid: 8, sizeBytes: 1 })
        expect(await codeOf(files.remove(`${there}/a`))).toBe('invalid_state')
        await files.remove(`${there}/a`, { recursive: true })
        expect(await codeOf(files.remove(`${there}/a`))).toBe('not_found')
        await files.remove(`${there}/a`, { force: true })
        expect((await files.list(there)).map((entry) => entry.name)).toEqual(['c'])
      })

      it('name the path and the reason where something cannot be done', async () => {
        const failing = files.read(`${there}/absent`)
        await expect(failing).rejects.toMatchObject({ code: 'not_found', facts: { path: `${there}/absent`, errno: 'ENOENT' } })
        await expect(failing).rejects.toThrow(`${there}/absent`)
        expect(await codeOf(files.read(there))).toBe('invalid_argument')
        expect(await codeOf(files.write(`${there}/no/such/place`, 'x'))).toBe('not_found')
        expect(await codeOf(files.list('/etc/passwd'))).toBe('invalid_argument')
        expect(await codeOf(files.stat('relative'))).toBe('invalid_argument')
        expect(await codeOf(files.write('/proc/version', 'x'))).not.toBe('no error')
      })

      it('end with `aborted` when the caller ends the call', async () => {
        const controller = new AbortController()
        const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(new Uint8Array(1000)) })
        const writing = codeOf(files.write(`${there}/x`, endless, { signal: controller.signal }))
        const { stdout } = await box.exec('true')
        controller.abort()
        expect([stdout, await writing]).toEqual(['', 'aborted'])
        expect(await codeOf(files.read(`${there}/x`, { signal: controller.signal }))).toBe('aborted')
        expect(await codeOf(files.copyIn(pattern(10), `${there}/y`, { signal: controller.signal }))).toBe('aborted')
      })
    }

    function copyingIn(): void {
      it('copies a file to a path, and into a directory that is there', async () => {
        const path = join(here, 'tool')
        writeFileSync(path, 'content', { mode: 0o751 })
        chmodSync(path, 0o751)
        utimesSync(path, 1_000_000_000, 1_000_000_000)
        expect(await files.copyIn(path, `${there}/renamed`)).toEqual({ entries: 1, skipped: [] })
        await files.copyIn(path, there)
        await files.copyIn(pathToFileURL(path), `${there}/by-url`)
        for (const copy of ['renamed', 'tool', 'by-url']) {
          expect(await files.readText(`${there}/${copy}`)).toBe('content')
          const stat = await files.stat(`${there}/${copy}`)
          expect(stat).toMatchObject({ mode: 0o751, uid: 0, gid: 0, modifiedAt: new Date(1_000_000_000_000) })
        }
        expect(await codeOf(files.copyIn(path, `${there}/absent/`))).toBe('invalid_argument')
        expect(await codeOf(files.copyIn(path, `${there}/absent/file`))).toBe('not_found')
        expect(await codeOf(files.copyIn(join(here, 'absent'), there))).toBe('not_found')
      })

      it('copies a directory with its modes, links, hard links and long names', async () => {
        mkdirSync(join(here, 'd/sub'), { recursive: true })
        writeFileSync(join(here, 'd/a'), 'a')
        linkSync(join(here, 'd/a'), join(here, 'd/sub/same'))
        symlinkSync('../a', join(here, 'd/sub/link'))
        symlinkSync('/nowhere', join(here, 'd/dangling'))
        writeFileSync(join(here, 'd', 'n'.repeat(200)), 'long')
        writeFileSync(join(here, 'd/ümlaut'), 'name')
        chmodSync(join(here, 'd/sub'), 0o710)
        utimesSync(join(here, 'd/sub'), 1_000_000_000, 1_000_000_000)
        execFileSync('mkfifo', [join(here, 'd/pipe')])
        const { entries, skipped } = await files.copyIn(join(here, 'd'), `${there}/new`)
        expect(entries).toBe(8)
        expect(skipped.map(({ path }) => path)).toEqual([join(here, 'd/pipe')])
        expect((await files.list(`${there}/new`)).map(({ name: found }) => found)).toEqual(['a', 'dangling', 'n'.repeat(200), 'sub', 'ümlaut'])
        expect((await files.stat(`${there}/new/a`)).links).toBe(2)
        expect((await files.stat(`${there}/new/sub/link`, { followLinks: false })).target).toBe('../a')
        expect(await files.stat(`${there}/new/sub`)).toMatchObject({ mode: 0o710, modifiedAt: new Date(1_000_000_000_000) })
      })

      it('goes into a directory that is there, or with /. puts its content there', async () => {
        mkdirSync(join(here, 'd'), { mode: 0o700 })
        writeFileSync(join(here, 'd/a'), 'a')
        await sh('mkdir into content; chmod 755 content; echo kept > content/kept')
        await files.copyIn(join(here, 'd'), `${there}/into`)
        await files.copyIn(`${join(here, 'd')}/.`, `${there}/content`)
        await files.copyIn(`${join(here, 'd')}/.`, `${there}/made`)
        expect(await sh('cat into/d/a content/a content/kept made/a')).toBe('aakept\na')
        expect((await files.stat(`${there}/content`)).mode).toBe(0o755)
        await files.write(`${there}/file`, 'x')
        expect(await codeOf(files.copyIn(join(here, 'd'), `${there}/file`))).toBe('invalid_argument')
      })

      it('takes bytes from everywhere', async () => {
        async function* pieces(): AsyncGenerator<Uint8Array> {
          yield new TextEncoder().encode('pie')
          yield new TextEncoder().encode('ces')
        }
        await files.copyIn(new TextEncoder().encode('array'), `${there}/array`, { mode: 0o600 })
        await files.copyIn(new Blob(['blob']), `${there}/blob`)
        await files.copyIn(new File(['file'], 'named'), there)
        await files.copyIn(new Blob(['stream']).stream(), `${there}/stream`)
        await files.copyIn(pieces(), `${there}/iterable`)
        await files.copyIn(new URL('data:text/plain,url'), `${there}/url`)
        expect(await sh('cat array blob named stream iterable url')).toBe('arrayblobfilestreampiecesurl')
        expect((await files.stat(`${there}/array`)).mode).toBe(0o600)
        expect(await codeOf(files.copyIn(new Blob(['x']), there))).toBe('invalid_argument')
      })

      it('unpacks a tar that is given as such', async () => {
        mkdirSync(join(here, 'd'))
        writeFileSync(join(here, 'd/a'), 'from a tar')
        const tar = execFileSync('tar', ['-cf', '-', 'd'], { cwd: here })
        expect(await files.copyIn(tar, there, { format: 'tar' })).toEqual({ entries: 2, skipped: [] })
        expect(await files.readText(`${there}/d/a`)).toBe('from a tar')
        expect(await codeOf(files.copyIn(tar, `${there}/absent`, { format: 'tar' }))).toBe('invalid_argument')
        expect(await codeOf(files.copyIn(tar.subarray(0, 700), there, { format: 'tar' }))).not.toBe('no error')
      })

      it('says how far it is', async () => {
        const seen: (FilesProgress | StartProgress)[] = []
        await files.copyIn(new Blob([pattern(MIB)]), `${there}/x`, { onProgress: (progress) => seen.push(progress) })
        expect(seen.at(-1)).toEqual({ stage: 'copyIn', doneBytes: MIB, totalBytes: MIB })
      })

      it('keeps holes, both ways: a file of 200 MB with a few bytes takes a few kilobytes', async () => {
        const path = join(here, 'sparse')
        writeFileSync(path, 'begin')
        truncateSync(path, 100_000_000)
        writeFileSync(path, 'middle', { flag: 'a' })
        truncateSync(path, 200_000_000)
        await files.copyIn(path, `${there}/sparse`)
        const stat = await files.stat(`${there}/sparse`)
        expect(stat.sizeBytes).toBe(200_000_000)
        expect(stat.allocatedBytes).toBeLessThan(MIB)
        await files.copyOut(`${there}/sparse`, join(here, 'back'))
        expect(statSync(join(here, 'back')).blocks * 512).toBeLessThan(MIB)
        execFileSync('cmp', [path, join(here, 'back')])
      })
    }

    function copyingOut(): void {
      it('copies a file to a path, and into a directory that is there', async () => {
        await sh('echo content > tool; chmod 751 tool; touch -d @1000000000 tool')
        mkdirSync(join(here, 'into'))
        expect(await files.copyOut(`${there}/tool`, join(here, 'renamed'))).toEqual({ entries: 1, skipped: [] })
        await files.copyOut(`${there}/tool`, join(here, 'into'))
        for (const copy of ['renamed', 'into/tool']) {
          expect(readFileSync(join(here, copy), 'utf8')).toBe('content\n')
          expect([statSync(join(here, copy)).mode & 0o7777, statSync(join(here, copy)).mtimeMs]).toEqual([0o751, 1_000_000_000_000])
        }
        // Times come back to the microsecond.
        const microseconds = (path: string): bigint => lstatSync(path, { bigint: true }).mtimeNs / 1000n
        utimesSync(join(here, 'renamed'), 1_000_000_000, 1_000_000_000.123_456_5)
        await files.copyIn(join(here, 'renamed'), `${there}/again`)
        expect((await files.stat(`${there}/again`)).modifiedAt).toEqual(new Date(1_000_000_000_123))
        await files.copyOut(`${there}/again`, join(here, 'again'))
        expect([microseconds(join(here, 'again')), microseconds(join(here, 'renamed'))]).toEqual([1_000_000_000_123_456n, 1_000_000_000_123_456n])
        expect(await codeOf(files.copyOut(`${there}/tool`, join(here, 'absent/file')))).toBe('not_found')
        expect(await codeOf(files.copyOut(`${there}/absent`, here))).toBe('not_found')
      })

      it('copies a directory with its modes, links and hard links, and leaves out what is neither', async () => {
        await sh('mkdir -p d/sub; echo a > d/a; ln d/a d/sub/same; ln -s ../a d/sub/link; ln -s /etc/passwd d/abs; chmod 710 d/sub; mkfifo d/pipe')
        const { skipped } = await files.copyOut(`${there}/d`, join(here, 'new'))
        expect(readdirSync(join(here, 'new')).sort()).toEqual(['a', 'abs', 'sub'])
        expect(statSync(join(here, 'new/a')).nlink).toBe(2)
        expect(readlinkSync(join(here, 'new/sub/link'))).toBe('../a')
        expect(readlinkSync(join(here, 'new/abs'))).toBe('/etc/passwd')
        expect(statSync(join(here, 'new/sub')).mode & 0o7777).toBe(0o710)
        expect(skipped.map(({ path }) => path)).toEqual(['d/pipe'])
      })

      it('goes into a directory that is there, or with /. puts its content there', async () => {
        await sh('mkdir d; echo a > d/a')
        mkdirSync(join(here, 'into'))
        mkdirSync(join(here, 'content'))
        await files.copyOut(`${there}/d`, join(here, 'into'))
        await files.copyOut(`${there}/d/.`, join(here, 'content'))
        expect(readFileSync(join(here, 'into/d/a'), 'utf8')).toBe('a\n')
        expect(readFileSync(join(here, 'content/a'), 'utf8')).toBe('a\n')
        writeFileSync(join(here, 'file'), 'x')
        expect(await codeOf(files.copyOut(`${there}/d`, join(here, 'file')))).toBe('invalid_argument')
      })

      it('copies a link as a link, or what it leads to where that is asked for', async () => {
        await sh('echo content > f; ln -s f l')
        await files.copyOut(`${there}/l`, join(here, 'as-link'))
        await files.copyOut(`${there}/l`, join(here, 'as-file'), { followLinks: true })
        expect(readlinkSync(join(here, 'as-link'))).toBe('f')
        expect(lstatSync(join(here, 'as-file')).isFile()).toBe(true)
      })

      it('gives a tar to whoever wants one', async () => {
        await sh('mkdir d; echo a > d/a')
        const tar = await collect(chunksOf(files.copyOut(`${there}/d`)))
        expect(execFileSync('tar', ['-xOf', '-', 'd/a'], { input: tar, encoding: 'utf8' })).toBe('a\n')
      })

      it('brings back what it brought in, owners included where that is asked for', async () => {
        await sh('mkdir d; echo a > d/a; chown 1234:5678 d/a; chmod 6755 d/a')
        await files.copyOut(`${there}/d`, join(here, 'd'), { ownership: true })
        expect([statSync(join(here, 'd/a')).uid, statSync(join(here, 'd/a')).mode & 0o7777]).toEqual([1234, 0o6755])
        await files.copyIn(join(here, 'd'), `${there}/kept`, { ownership: true })
        await files.copyIn(join(here, 'd'), `${there}/taken`)
        expect(await files.stat(`${there}/kept/a`)).toMatchObject({ uid: 1234, gid: 5678, mode: 0o6755 })
        expect(await files.stat(`${there}/taken/a`)).toMatchObject({ uid: 0, gid: 0, mode: 0o755 })
      })

      it('carries many megabytes both ways', async () => {
        const bytes = pattern(8 * MIB)
        writeFileSync(join(here, 'big'), bytes)
        await files.copyIn(join(here, 'big'), `${there}/big`)
        await files.copyOut(`${there}/big`, join(here, 'back'))
        expect(readFileSync(join(here, 'back')).equals(bytes)).toBe(true)
      })
    }

    function distrust(): void {
      it('writes nothing outside of the directory, in the box', async () => {
        mkdirSync(join(here, 'd'))
        writeFileSync(join(here, 'd/x'), 'evil')
        const named = (name: string): Buffer => execFileSync('tar', ['-cPf', '-', `--transform=s,d/x,${name},`, 'd/x'], { cwd: here })
        await sh('mkdir target outside; ln -s ../outside target/way; echo precious > outside/precious')
        for (const name of ['../outside/x', `${there}/outside/x`, 'way/x', 'way/precious', 'a/../../outside/x']) {
          expect(await codeOf(files.copyIn(named(name), `${there}/target`, { format: 'tar' }))).toBe('invalid_argument')
        }
        expect(await sh('ls outside; cat outside/precious')).toBe('precious\nprecious\n')
      })

      it('writes nothing outside of the target, on this machine, through links that the box has planted', async () => {
        await sh('mkdir d; echo evil > d/x')
        mkdirSync(join(here, 'target'))
        mkdirSync(join(here, 'outside'))
        symlinkSync('../outside', join(here, 'target/d'))
        expect(await codeOf(files.copyOut(`${there}/d`, join(here, 'target')))).toBe('invalid_argument')
        expect(readdirSync(join(here, 'outside'))).toEqual([])
      })
    }
  })
}
