// What comes into a page's boxes and goes out of them, in the forms that pages have, and what a page cannot do.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveBlob, archiveStream, BoxLite, type Box, type BytesGiven } from '../../hosts/browser/browser.ts'
import { SMALL } from '../api/api-suite.ts'
import { describeWhere } from '../describe-where.ts'
import { errorCode } from '../error-code.ts'
import { sameBytes } from '../same-bytes.ts'
import { guestUrl, whyNoGuest } from './guest-url.ts'

const bytes = crypto.getRandomValues(new Uint8Array(60_000))

const streamed = (whole: Blob): ReadableStream<Uint8Array> => whole.stream()

/** The same bytes in every form. */
const forms: Readonly<Record<string, (whole: Blob) => BytesGiven>> = {
  'a blob': (whole) => whole,
  'a file': (whole) => new File([whole], 'chosen.bin'),
  'a stream': streamed,
  'a URL': (whole) => new URL(URL.createObjectURL(whole)),
}

describeWhere(await whyNoGuest(), 'a box in a page', () => {
  const homeDir = crypto.randomUUID()
  let lite: BoxLite
  let box: Box
  beforeAll(async () => {
    lite = await BoxLite.open({ homeDir, assets: guestUrl() })
    box = await lite.create({ name: 'web', ...SMALL })
  })
  afterAll(async () => {
    await lite.close()
    indexedDB.deleteDatabase(`boxlite:${homeDir}`)
  })

  it.each(Object.entries(forms))('takes in a file from %s', async (name, form) => {
    const path = `/root/${name.replace(' ', '-')}`
    await box.files.copyIn(form(new Blob([bytes])), path)
    expect(sameBytes(await box.files.read(path), bytes)).toBe(true)
  })

  it('reads and writes files as streams', async () => {
    await new Blob([bytes]).stream().pipeTo(box.files.writeStream('/root/piped'))
    const read = await new Response(box.files.readStream('/root/piped')).bytes()
    expect(sameBytes(read, bytes)).toBe(true)
  })

  it.each(Object.entries(forms))('is made of an archive from %s, and told how far that is', async (name, form) => {
    await box.stop()
    const archive = await archiveBlob(box.export())
    const told: { doneBytes: number; totalBytes: number | null }[] = []
    const copy = await lite.import(form(archive), { name: name.replace(' ', '-'), onProgress: (progress) => told.push(progress) })
    expect(await copy.snapshot.list()).toEqual([])
    expect(told.at(-1)!.doneBytes).toBe(archive.size)
    expect([archive.size, null]).toContain(told.at(-1)!.totalBytes)
    await copy.remove()
  })

  it('is exported as a stream of the same bytes', async () => {
    const whole = await (await archiveBlob(box.export())).bytes()
    const read = await new Response(archiveStream(box.export())).bytes()
    expect(sameBytes(read, whole)).toBe(true)
  })

  it('refuses what takes files by path, and machines that outlive their page', async () => {
    expect(lite.engine.capabilities).toMatchObject({ detach: false, maxCpus: 1 })
    expect(lite.capabilities).toEqual({ hostFiles: false })
    const refused = {
      copyIn: () => box.files.copyIn('/etc/passwd', '/root/passwd'),
      'copyIn of a file: URL': () => box.files.copyIn(new URL('file:///etc/passwd'), '/root/passwd'),
      copyOut: () => box.files.copyOut('/root/piped', '/tmp'),
      detach: () => lite.create({ ...SMALL, detach: true }),
      cpus: () => lite.create({ ...SMALL, cpus: 2 }),
      volumes: () => lite.create({ ...SMALL, volumes: [{ hostPath: '/', guestPath: '/host' }] } as object),
      'a disk by path': () => lite.create({ disk: { path: 'disk.qcow2' } }),
      'building an image': () => lite.images.build('python'),
      'an image of a path': () => lite.images.import('mine', { path: '/' }),
    }
    const codes = await Promise.all(Object.entries(refused).map(async ([what, call]) => [what, await errorCode(call())]))
    expect(codes).toEqual(Object.keys(refused).map((what) => [what, 'unsupported']))
  })
})

it('a page that names no assets has its disks, and is told what a machine takes', async () => {
  const homeDir = crypto.randomUUID()
  await using lite = await BoxLite.open({ homeDir })
  expect(lite.engine).toMatchObject({ name: null, refused: [{ engine: 'v86', reason: expect.stringContaining('served from') }] })
  const box = await lite.create({ diskSizeGb: 1 / 64 })
  expect(await box.info()).toMatchObject({ state: 'created' })
  await expect(lite.create({ image: 'base' })).rejects.toMatchObject({
    code: 'engine_unavailable',
    remedy: expect.stringMatching(/boxlite-guest-386.*assets/),
  })
})
