// What the public API promises about boxes that hold a disk, on whatever host. Written once; called for each host.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BoxHost } from '../../src/box-host.ts'
import { BoxLite } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import type { CreateProgress } from '../../src/create-box.ts'
import { isBoxLiteError, type ErrorCode } from '../../src/error.ts'
import type { Store } from '../../src/host.ts'
import { createImage } from '../../src/disk/create.ts'
import type { BoxRecord } from '../../src/operation/record.ts'
import { MemoryFile } from '../../src/store/memory-file.ts'
import { crc32c } from '../crash/image-reader.ts'

/** A home of its own, and the host that opens it; every `open` of it is another process. */
export interface HostUnderTest {
  readonly host: BoxHost
  /** A store of the same home, to look under the API. */
  store(): Promise<Store>
  discard(): Promise<void>
}

const MIB = 2 ** 20
const tiny = MIB / 2 ** 30

async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<Error> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!isBoxLiteError(error, code)) throw new Error(`expected ${code}`, { cause: error })
  // Whoever calls a thing off knows what to do.
  if (code !== 'aborted') expect(error.remedy).toBeTruthy()
  return error
}

function rawFile(bytes: Uint8Array): MemoryFile {
  const content = { pages: new Map<number, Uint8Array>(), lengthBytes: 0 }
  const file = new MemoryFile(content, true)
  void file.write(bytes, 0)
  return file
}

async function put(box: Box, offset: number, text: string): Promise<void> {
  const disk = await box.disk()
  await disk.write(offset, new TextEncoder().encode(text))
  await disk.close()
}

async function look(box: Box, offset: number, length: number, snapshot?: string): Promise<string> {
  const disk = snapshot === undefined ? await box.disk({ writable: false }) : await box.snapshot.disk(snapshot)
  const bytes = new Uint8Array(length)
  await disk.read(offset, bytes)
  await disk.close()
  return new TextDecoder().decode(bytes).replaceAll('\0', '.')
}

/** The record as a process leaves it that dies between committing a snapshot of a running box and moving the machine on. */
function withPending(record: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(record)
  const { live, snapshots } = JSON.parse(text) as BoxRecord
  const pending = `"pending":{"kind":"switch","from":"${snapshots[0]!.layer}","to":"${live}"},`
  const body = new TextEncoder().encode(text.slice(0, text.indexOf('"check"')).replace('"pending":null,', pending))
  const check = crc32c(body).toString(16).padStart(8, '0')
  return new Uint8Array([...body, ...new TextEncoder().encode(`"check":"${check}"}`)])
}

export function describeBoxLite(name: string, make: () => Promise<HostUnderTest>): void {
  describe(`boxlite on ${name}`, () => {
    let home: HostUnderTest
    let lite: BoxLite
    const others: BoxLite[] = []
    const another = async (): Promise<BoxLite> => {
      const opened = await BoxLite.open(home.host)
      others.push(opened)
      return opened
    }
    beforeEach(async () => {
      home = await make()
      lite = await BoxLite.open(home.host)
    })
    afterEach(async () => {
      await lite.close()
      for (const other of others.splice(0)) await other.close()
      await home.discard()
    })

    it('makes a box, finds it by id and by exact name, lists and removes it', async () => {
      expect(lite.recovered).toEqual([])
      expect(await lite.list()).toEqual([])
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const nameless = await lite.create({ diskSizeGb: tiny })
      expect((await lite.get('web'))?.id).toBe(box.id)
      expect((await lite.get(box.id))?.name).toBe('web')
      expect(await lite.get(box.id.slice(0, 12))).toBeNull()
      expect(await lite.get('we')).toBeNull()
      expect((await lite.list()).map((info) => [info.id, info.name])).toEqual([
        [box.id, 'web'],
        [nameless.id, null],
      ])
      const info = await box.info()
      expect(info).toMatchObject({ name: 'web', snapshotCount: 0, currentSnapshot: null, attention: null })
      expect(info.disk).toMatchObject({ virtualSizeBytes: MIB, layerCount: 1 })
      expect(info.createdAt?.getTime()).toBe(home.host.nowMs())
      await lite.remove('web')
      expect(await lite.get('web')).toBeNull()
      await refusal(lite.remove('web'), 'not_found')
      await refusal(box.info(), 'not_found')
    })

    it('refuses names by the rules, and names that are taken', async () => {
      await lite.create({ name: 'web', diskSizeGb: tiny })
      expect((await refusal(lite.create({ name: 'web', diskSizeGb: tiny }), 'already_exists')).message).toContain('web')
      expect((await refusal(lite.create({ name: '', diskSizeGb: tiny }), 'invalid_argument')).message).toBe('Box name cannot be empty')
      const box = (await lite.get('web'))!
      expect((await refusal(box.snapshot.create('.x'), 'invalid_argument')).message).toBe("Snapshot name cannot start with '.'")
      await box.snapshot.create('Snap')
      await box.snapshot.create('snap')
      expect((await refusal(box.snapshot.create('snap'), 'already_exists')).message).toBe(`snapshot 'snap' already exists for box '${box.id}'`)
      expect((await box.snapshot.list()).length).toBe(2)
    })

    it('gives the box that is there, or makes it', async () => {
      const first = await lite.getOrCreate({ name: 'web', diskSizeGb: tiny })
      const second = await lite.getOrCreate({ name: 'web', diskSizeGb: tiny })
      expect([first.created, second.created, second.box.id]).toEqual([true, false, first.box.id])
      const both = await Promise.all([1, 2, 3].map(() => lite.getOrCreate({ name: 'db', diskSizeGb: tiny }).catch((error: unknown) => error)))
      const boxes = both.filter((one) => !isBoxLiteError(one, 'busy')) as { box: Box; created: boolean }[]
      expect(boxes.filter(({ created }) => created).length).toBe(1)
      expect(new Set(boxes.map(({ box }) => box.id)).size).toBe(1)
    })

    it('keeps what was written, snapshots it, wrecks it and restores it', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await put(box, 70_000, 'one')
      const clean = await box.snapshot.create('clean', { description: 'as it came' })
      expect(clean).toMatchObject({ name: 'clean', description: 'as it came', parent: null, boxId: box.id })
      expect(clean).toMatchObject({ virtualSizeBytes: MIB, consistency: 'stopped' })
      expect(clean.createdAt.getTime()).toBe(home.host.nowMs())
      expect(clean.ownBytes).toBeGreaterThan(0)
      await put(box, 70_000, 'two')
      expect(await look(box, 69_999, 5)).toBe('.two.')
      expect(await look(box, 70_000, 3, 'clean')).toBe('one')
      await box.snapshot.restore('clean', { keepCurrent: 'wreck' })
      expect(await look(box, 70_000, 3)).toBe('one')
      expect(await look(box, 70_000, 3, 'wreck')).toBe('two')
      await box.snapshot.restore('wreck')
      expect(await look(box, 70_000, 3)).toBe('two')
    })

    it('lists snapshots newest first, shows their descent, and gives orphans their grandparent', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      await box.snapshot.create('a')
      await box.snapshot.create('b')
      await box.snapshot.create('c')
      await box.snapshot.restore('b')
      await box.snapshot.create('d')
      expect((await box.snapshot.list()).map((one) => [one.name, one.parent])).toEqual([
        ['d', 'b'],
        ['c', 'b'],
        ['b', 'a'],
        ['a', null],
      ])
      await box.snapshot.remove('b')
      const tree = await box.snapshot.tree()
      expect(tree.current).toBe('d')
      expect(tree.roots.map((root) => [root.name, root.children.map((child) => child.name)])).toEqual([['a', ['c', 'd']]])
      expect(await box.snapshot.get('b')).toBeNull()
      const c = (await box.snapshot.get('c'))!
      expect((await box.snapshot.get(c.id))?.name).toBe('c')
      expect((await refusal(box.snapshot.remove('b'), 'not_found')).message).toBe(`snapshot 'b' not found for box '${box.id}'`)
      await refusal(box.snapshot.restore('b'), 'not_found')
      await refusal(box.snapshot.disk('b'), 'not_found')
    })

    it('clones a disk, and a snapshot; each lives on without the other', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await put(box, 0, 'one')
      await box.snapshot.create('s')
      await put(box, 0, 'two')
      const now = await box.clone({ name: 'now' })
      const then = await box.clone({ snapshot: 's' })
      await put(box, 0, 'new')
      await put(now, 3, '!')
      await box.remove()
      await lite.prune()
      expect(await look(now, 0, 5)).toBe('two!.')
      expect(await look(then, 0, 5)).toBe('one..')
      expect([now.name, then.name, (await now.snapshot.list()).length]).toEqual(['now', null, 0])
      expect((await lite.fsck()).findings).toEqual([])
    })

    it('gives space back by prune, and only what nothing reaches', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      await put(box, 0, 'base')
      for (const name of ['a', 'b', 'c', 'd']) {
        await box.snapshot.create(name)
        await put(box, 100, name)
      }
      for (const name of ['a', 'b', 'd']) await box.snapshot.remove(name)
      const store = await home.store()
      expect((await store.list('layers')).length).toBe(5)
      const report = await lite.prune()
      expect(report.complete).toBe(true)
      expect((await store.list('layers')).length).toBe(2)
      expect(await look(box, 0, 5)).toBe('base.')
      expect(await look(box, 100, 1)).toBe('d')
      expect(await look(box, 100, 1, 'c')).toBe('b')
      expect((await lite.fsck()).findings).toEqual([])
      await box.remove()
      await lite.prune()
      expect(await store.list('layers')).toEqual([])
      await store.close()
    })

    it('ends a prune at any moment it is told to, and loses nothing by it', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      for (const name of ['a', 'b', 'c']) {
        await put(box, 0, name)
        await box.snapshot.create(name)
      }
      for (const name of ['a', 'b']) await box.snapshot.remove(name)
      let ended = 0
      for (let looks = 0; ; looks++) {
        let looked = 0
        const signal = { get aborted() { return ++looked > looks } } as AbortSignal
        const error: unknown = await lite.prune({ signal }).catch((reason: unknown) => reason)
        if (!isBoxLiteError(error)) break
        expect(error.code).toBe('aborted')
        ended++
        expect((await lite.fsck()).clean).toBe(true)
        expect(await look(box, 0, 1)).toBe('c')
      }
      expect(ended).toBeGreaterThan(2)
      expect((await lite.fsck()).findings).toEqual([])
      expect(await look(box, 0, 1)).toBe('c')
    })

    it('imports a raw disk, copied and sparse', async () => {
      const bytes = new Uint8Array(3 * MIB)
      bytes.set(new TextEncoder().encode('hello'), 2 * MIB)
      const file = rawFile(bytes)
      const seen: CreateProgress[] = []
      const box = await lite.create({ disk: { file }, onProgress: (told) => seen.push(told) })
      await file.write(new Uint8Array(5), 2 * MIB)
      expect(await look(box, 2 * MIB, 6)).toBe('hello.')
      expect((await box.info()).disk).toMatchObject({ virtualSizeBytes: 3 * MIB, layerCount: 2 })
      expect(seen.at(-1)).toEqual({ stage: 'copy', doneBytes: 3 * MIB, totalBytes: 3 * MIB })
      await file.close()
    })

    it('imports a qcow2 image by its magic, and takes it for raw when told to', async () => {
      const file = rawFile(new Uint8Array(0))
      await createImage(file, { sizeBytes: 2 * MIB })
      const box = await lite.create({ disk: { file }, diskSizeGb: 4 * tiny })
      expect((await box.info()).disk.virtualSizeBytes).toBe(4 * MIB)
      const raw = await lite.create({ disk: { file, format: 'raw' } })
      expect(await look(raw, 0, 3)).toBe('QFI')
      await refusal(lite.create({ disk: { file, format: 'raw' }, diskSizeGb: tiny / 1024 }), 'invalid_argument')
    })

    it('refuses an image that names another file, and one that is damaged, and leaves nothing behind', async () => {
      const file = rawFile(new Uint8Array(0))
      await createImage(file, { sizeBytes: MIB, backing: { name: 'passwd', format: 'raw' } })
      expect((await refusal(lite.create({ disk: { file } }), 'unsupported')).message).toContain('passwd')
      const broken = rawFile(new Uint8Array(0))
      await createImage(broken, { sizeBytes: MIB })
      // The first refcount block says that nothing is in use.
      await broken.write(new Uint8Array(512), 2 * 65536)
      await refusal(lite.create({ disk: { file: broken } }), 'corrupt')
      const store = await home.store()
      expect([await store.list('boxes'), await store.list('layers')]).toEqual([[], []])
      await store.close()
    })

    it('exports a box with its snapshots and makes it again, in another name', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await put(box, 0, 'one')
      await box.snapshot.create('s', { description: 'first' })
      await put(box, 0, 'two')
      const archive: Uint8Array[] = []
      for await (const chunk of box.export()) archive.push(chunk.slice())
      async function* chunks(): AsyncGenerator<Uint8Array> {
        yield* archive
      }
      await refusal(lite.import(chunks()), 'already_exists')
      const copy = await lite.import(chunks(), { name: 'copy' })
      expect([copy.name, await look(copy, 0, 3), await look(copy, 0, 3, 's')]).toEqual(['copy', 'two', 'one'])
      expect((await copy.snapshot.list()).map(({ name: found, description }) => [found, description])).toEqual([['s', 'first']])
      // Left in the middle, an export lets go of the box.
      for await (const chunk of box.export()) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      await box.snapshot.create('t')
      await lite.prune()
      expect((await lite.fsck()).findings).toEqual([])
    })

    it('imports from bytes, a Blob, a stream and an iterable, and tells how much of what is known', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await put(box, 0, 'one')
      const chunks: Uint8Array<ArrayBuffer>[] = []
      for await (const chunk of box.export()) chunks.push(chunk.slice() as Uint8Array<ArrayBuffer>)
      const blob = new Blob(chunks)
      const whole = new Uint8Array(await blob.arrayBuffer())
      const sources = { bytes: whole, blob, stream: blob.stream(), iterable: blob.stream().values() }
      for (const [name, source] of Object.entries(sources)) {
        let last: unknown = null
        const copy = await lite.import(source as Uint8Array, { name, onProgress: (progress) => (last = progress) })
        expect(await look(copy, 0, 3)).toBe('one')
        const totalBytes = name === 'bytes' || name === 'blob' ? whole.length : null
        expect(last).toEqual({ stage: 'import', doneBytes: whole.length, totalBytes })
      }
      const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
      const controller = new AbortController()
      const waiting = refusal(lite.import(never, { signal: controller.signal }), 'aborted')
      controller.abort()
      await waiting
    })

    it('ends an import when its signal says so, and leaves no box', async () => {
      const abort = new AbortController()
      const file = rawFile(new Uint8Array(4 * MIB).fill(1))
      const creating = lite.create({ name: 'web', disk: { file }, signal: abort.signal, onProgress: () => abort.abort() })
      await refusal(creating, 'aborted')
      expect(await lite.list()).toEqual([])
      expect((await lite.fsck({ repair: true })).remaining).toEqual([])
    })

    it('keeps a box to itself while its disk is open', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const disk = await box.disk()
      await refusal(box.snapshot.create('s'), 'invalid_state')
      await refusal(box.disk(), 'invalid_state')
      const other = (await (await another()).get('web'))!
      expect((await refusal(other.snapshot.create('s'), 'busy')).message).toContain("box 'web' is in use")
      await refusal(other.disk(), 'busy')
      await refusal(other.remove(), 'busy')
      expect((await other.info()).name).toBe('web')
      await disk.close()
      await disk.close()
      await other.snapshot.create('s')
      expect((await box.snapshot.list()).length).toBe(1)
    })

    it('lets calls on one box of one process wait for each other', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      await Promise.all(['a', 'b', 'c', 'd'].map((snapshot) => box.snapshot.create(snapshot)))
      expect((await box.snapshot.list()).map((one) => one.name)).toEqual(['d', 'c', 'b', 'a'])
    })

    it('refuses to write into what is open for reading', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      await box.snapshot.create('s')
      await using live = await box.disk({ writable: false })
      await expect(live.write(0, new Uint8Array(512))).rejects.toSatisfy((error) => isBoxLiteError(error))
      await using frozen = await box.snapshot.disk('s')
      await expect(frozen.write(0, new Uint8Array(512))).rejects.toSatisfy((error) => isBoxLiteError(error))
    })

    it('reads a snapshot on while it is removed and pruned away', async () => {
      const box = await lite.create({ diskSizeGb: tiny })
      await put(box, 0, 'old')
      await box.snapshot.create('s')
      await put(box, 0, 'new')
      const disk = await box.snapshot.disk('s')
      await box.snapshot.remove('s')
      await lite.prune()
      const bytes = new Uint8Array(3)
      await disk.read(0, bytes)
      expect(new TextDecoder().decode(bytes)).toBe('old')
      await disk.close()
    })

    it('gives back its locks and its disks when it is closed', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const disk = await box.disk()
      await disk.write(0, new TextEncoder().encode('kept'))
      await lite.close()
      await lite.close()
      expect(await look((await (await another()).get('web'))!, 0, 4)).toBe('kept')
      await refusal(box.snapshot.create('s'), 'invalid_state')
    })

    it('closes when the calls that are under way have ended, and takes none after', async () => {
      let goOn = (): void => undefined
      const waiting = new Promise<void>((resolve) => (goOn = resolve))
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const chunks: Uint8Array[] = []
      for await (const chunk of box.export()) chunks.push(chunk)
      const making = lite.import(
        (async function* () {
          await waiting
          yield* chunks
        })(),
        { name: 'imported' },
      )
      const first = box.snapshot.create('first')
      const second = box.snapshot.create('second')
      let isClosed = false
      const closing = lite.close().then(() => (isClosed = true))
      await Promise.all([first, second])
      expect(isClosed).toBe(false)
      goOn()
      await making
      await closing
      expect((await (await another()).list()).map((info) => [info.name, info.snapshotCount])).toEqual([['imported', 0], ['web', 2]])
      await refusal(lite.import((async function* () {})()), 'invalid_state')
      await refusal(lite.create({ diskSizeGb: tiny }), 'invalid_state')
      await refusal(lite.prune(), 'invalid_state')
      await refusal(lite.fsck(), 'invalid_state')
      await refusal(box.info(), 'invalid_state')
      await refusal(box.snapshot.disk('first'), 'invalid_state')
    })

    it('finds the record of an image that is damaged where it still reads well', async () => {
      const id = 'd'.repeat(64)
      const store = await home.store()
      const layer = `${'e'.repeat(32)}.raw`
      const file = await store.createLayer(layer)
      await file.write(new Uint8Array(512), 0)
      await file.close()
      const facts = { format: 1, generation: 1, id, reference: 'a', layer, virtualSizeBytes: '512', template: null, createdAt: 1 }
      const says = `${JSON.stringify(facts).slice(0, -1)},`
      const check = crc32c(new TextEncoder().encode(says)).toString(16).padStart(8, '0')
      const whole = new TextEncoder().encode(`${says}"check":"${check}"}`)
      await store.commitRecord('images', id, whole, null, [])
      expect(await lite.fsck()).toMatchObject({ clean: true, findings: [], checked: { images: 1 } })
      const flipped = new TextEncoder().encode(`${says.replace('"a"', '"b"')}"check":"${check}"}`)
      await store.commitRecord('images', id, flipped, whole, [])
      const report = await lite.fsck({ repair: true })
      const damaged = report.findings.filter(({ severity }) => severity === 'damage')
      expect([report.clean, damaged.map((finding) => finding.name)]).toEqual([false, [`${id}.json`]])
      expect(await store.list('layers')).toEqual([layer])
      await store.close()
    })

    it('lists a box whose record is damaged, and fsck says so and touches nothing', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const store = await home.store()
      const record = (await store.readRecord('boxes', box.id))!
      const torn = record.slice(0, record.length - 30)
      await store.commitRecord('boxes', box.id, torn, record, [])
      const fresh = await another()
      expect((await fresh.list()).map((info) => [info.id, info.name, typeof info.attention])).toEqual([[box.id, null, 'string']])
      const report = await fresh.fsck({ repair: true })
      expect(report.clean).toBe(false)
      expect(report.findings.map((finding) => [finding.severity, finding.name])).toContainEqual(['damage', `${box.id}.json`])
      expect((await fresh.prune()).complete).toBe(false)
      expect((await store.list('layers')).length).toBe(1)
      expect(await store.readRecord('boxes', box.id)).toEqual(torn)
      await refusal((await fresh.get(box.id))!.snapshot.create('s'), 'corrupt')
      await store.close()
    })

    it('removes a box whose record is damaged by force alone; what another box stands on stays', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      const clone = await box.clone({ name: 'copy' })
      await put(clone, 4096, 'kept')
      const store = await home.store()
      const record = (await store.readRecord('boxes', box.id))!
      for (const damage of [record.slice(0, record.length - 30), new Uint8Array(0), new TextEncoder().encode('{"format":1')]) {
        await store.commitRecord('boxes', box.id, damage, (await store.readRecord('boxes', box.id))!, [])
        const fresh = await another()
        const found = (await fresh.get(box.id))!
        const error = await found.remove().catch((caught: unknown) => caught)
        expect(isBoxLiteError(error, 'corrupt') && error.remedy).toMatch(/remove the box with force/)
        expect(await store.readRecord('boxes', box.id)).toEqual(damage)
        await found.remove({ force: true })
        expect(await store.readRecord('boxes', box.id)).toBeNull()
        await store.commitRecord('boxes', box.id, record, null, [])
      }
      // A record of a format to come is not damaged.
      const later = new TextEncoder().encode(new TextDecoder().decode(record).replace('"format":1', '"format":2'))
      await store.commitRecord('boxes', box.id, later, record, [])
      const fresh = await another()
      await refusal((await fresh.get(box.id))!.remove({ force: true }), 'unsupported')
      await store.commitRecord('boxes', box.id, new Uint8Array(9), later, [])
      await fresh.remove(box.id, { force: true })
      const layers = (await store.list('layers')).length
      const pruned = await fresh.prune()
      expect([layers, pruned.complete, pruned.deleted > 0]).toEqual([3, true, true])
      expect(await look((await fresh.get('copy'))!, 4096, 4)).toBe('kept')
      await store.close()
    })

    it('finds a layer that is missing, one that is damaged, and what nothing reaches', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await box.snapshot.create('s')
      const store = await home.store()
      const lost = await lite.create({ name: 'lost', diskSizeGb: tiny })
      const { live } = JSON.parse(new TextDecoder().decode((await store.readRecord('boxes', lost.id))!)) as { live: string }
      const layers = (await store.list('layers')).filter((layer) => layer !== live)
      await store.remove('layers', live)
      const file = await store.openLayer(layers[0]!, 'write')
      await file.write(new Uint8Array(512), 2 * 65536)
      await file.close()
      const garbage = await store.createLayer(`${'e'.repeat(32)}.qcow2`)
      await garbage.close()
      const report = await lite.fsck({ repair: true })
      const found = report.findings.map((finding) => [finding.severity, finding.name])
      expect(found).toContainEqual(['damage', live])
      expect(found).toContainEqual(['damage', layers[0]])
      expect(found).toContainEqual(['leftover', `${'e'.repeat(32)}.qcow2`])
      // While a chain does not open nothing is deleted.
      expect(report.remaining).toEqual(report.findings)
      await store.close()
    })

    it('repairs what an interrupted process left, and says what it would do first', async () => {
      await lite.create({ name: 'web', diskSizeGb: tiny })
      const store = await home.store()
      await (await store.createLayer(`${'e'.repeat(32)}.qcow2`)).close()
      await (await store.createLayer(`${'f'.repeat(32)}.tmp`)).close()
      const report = await lite.fsck()
      expect(report).toMatchObject({ clean: true, remaining: null, checked: { boxes: 1, snapshots: 0, images: 0, layers: 1 } })
      expect(report.findings.map(({ name: found, repair }) => [found, typeof repair]).sort()).toEqual([
        [`${'e'.repeat(32)}.qcow2`, 'string'],
        [`${'f'.repeat(32)}.tmp`, 'string'],
      ])
      expect((await store.list('layers')).length).toBe(3)
      expect((await lite.fsck({ repair: true })).remaining).toEqual([])
      expect((await store.list('layers')).length).toBe(1)
      await store.close()
    })

    it('recovers at open what a dead process left, and fsck finds and repairs the same', async () => {
      const box = await lite.create({ name: 'web', diskSizeGb: tiny })
      await box.snapshot.create('s')
      const store = await home.store()
      const interrupt = async (): Promise<void> => {
        const bytes = (await store.readRecord('boxes', box.id))!
        await store.commitRecord('boxes', box.id, withPending(bytes), bytes, [])
      }
      await interrupt()
      expect((await lite.list())[0]!.attention).toContain('interrupted')
      const found = await lite.fsck()
      expect([found.clean, found.findings.map(({ severity, boxId }) => [severity, boxId])]).toEqual([false, [['unfinished', box.id]]])
      const repaired = await lite.fsck({ repair: true })
      expect([repaired.clean, repaired.remaining]).toEqual([true, []])
      await interrupt()
      const { recovered } = await another()
      expect(recovered).toEqual([{ boxId: box.id, name: 'web', recovery: 'cleared', findings: [], error: null }])
      expect((await another()).recovered).toEqual([])
      expect((await lite.fsck()).findings).toEqual([])
      // Whoever has the box recovers it: opening leaves it alone.
      await interrupt()
      const lock = await store.lock({ kind: 'box', id: box.id })
      expect((await another()).recovered).toEqual([])
      await lock!.release()
      await store.close()
    })

    it('says busy to whoever would collect while someone works in the home, and the other way round', async () => {
      const store = await home.store()
      const shared = await store.lock({ kind: 'home', mode: 'shared' })
      await refusal(lite.prune(), 'busy')
      await refusal(lite.fsck(), 'busy')
      await shared!.release()
      const alone = await store.lock({ kind: 'home', mode: 'exclusive' })
      await refusal(lite.create({ diskSizeGb: tiny }), 'busy')
      await alone!.release()
      await lite.create({ diskSizeGb: tiny })
      await store.close()
    })
  })
}
