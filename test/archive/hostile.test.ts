import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exportBox } from '../../src/archive/export.ts'
import { importBox } from '../../src/archive/import.ts'
import { encodeTarHeader } from '../../src/archive/tar-header.ts'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import { count } from '../counts.ts'
import { makeSmallBox } from './make-box.ts'
import { edited, membersOf, signed, tarOf, type Member } from './members.ts'
import { chunked, collect } from './streams.ts'
import { KIB, newId, TestHome } from './test-home.ts'

const home = new TestHome()
const archive = Buffer.from(await collect(exportBox(home.host, (await makeSmallBox(home)).id)))

/** Imports into an empty home; what it was refused with, or null. Whatever was refused left nothing behind. */
async function refusal(bytes: Uint8Array): Promise<BoxLiteError | null> {
  const target = new TestHome()
  try {
    await importBox(target.host, chunked(bytes, 40_000), { newId, nowMs: 1 })
    expect(await target.garbage()).toEqual([])
    return null
  } catch (error) {
    expect(isBoxLiteError(error)).toBe(true)
    expect([await target.store.list('boxes'), await target.store.list('layers')]).toEqual([[], []])
    expect(await target.store.lock({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
    return error as BoxLiteError
  }
}

const [manifest, below, above] = membersOf(archive) as [Member, Member, Member, Member]

/** The archive with another manifest. */
function withManifest(change: (document: Record<string, unknown>) => unknown): Buffer {
  const document = JSON.parse(manifest.content.toString()) as Record<string, unknown>
  const changed = change(document) ?? document
  return signed([{ name: 'manifest.json', content: Buffer.from(`${JSON.stringify(changed, null, 2)}\n`) }, below, above])
}

/** A layer of a disk of so many bytes with at most one run, of zeros over all of it. */
function layerOf(sizeBytes: bigint, isZero: boolean): Buffer {
  const words = [0x424f584c41594552n, sizeBytes, ...(isZero ? [2n << 32n, 0n, sizeBytes] : []), 0n, sizeBytes, 0n]
  const layer = Buffer.alloc(words.length * 8)
  for (const [index, word] of words.entries()) layer.writeBigUInt64BE(word, index * 8)
  return layer
}

/** The archive with another lower layer. */
const withLayer = (content: Buffer): Buffer => signed([manifest, { name: below.name, content }, above])

describe('a damaged archive', () => {
  it('is what these tests take it for', async () => {
    expect(signed([manifest, below, above]).equals(archive)).toBe(true)
    expect(await refusal(archive)).toBeNull()
  })

  it('is refused when any bit is another', async () => {
    const data = 100 * KIB
    const place = fc.oneof(fc.nat(archive.length - 1), fc.nat(3 * KIB), fc.nat(2 * KIB).map((back) => archive.length - 1 - back), fc.constant(data))
    await fc.assert(
      fc.asyncProperty(place, fc.nat(7), async (at, bit) => {
        const damaged = edited(archive, (bytes) => bytes.writeUInt8((bytes[at] as number) ^ (1 << bit), at))
        expect(await refusal(damaged)).not.toBeNull()
      }),
      { numRuns: count(250, 10_000) },
    )
  })

  it('is refused when it is cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat(archive.length - 1), fc.nat(1600).map((back) => archive.length - 1 - back)), async (length) => {
        expect(await refusal(archive.subarray(0, length))).toMatchObject({ code: 'corrupt' })
      }),
      { numRuns: count(100, 2000) },
    )
  })

  it('is refused when anything follows its end', async () => {
    for (const more of [Buffer.alloc(1), Buffer.alloc(512), Buffer.from('x'), archive]) {
      expect(await refusal(Buffer.concat([archive, more]))).toMatchObject({ code: 'corrupt' })
    }
  })

  it.each([
    ['empty', Buffer.alloc(0)],
    ['a tar without members', Buffer.alloc(1024)],
    ['without its manifest', tarOf([below, above])],
    ['without a layer', signed([manifest, above])],
    ['without its digests', tarOf([manifest, below, above])],
    ['with a layer twice', signed([manifest, below, below, above])],
    ['with its layers in another order', signed([manifest, above, below])],
    ['with a member that does not belong', signed([manifest, below, above, { name: 'layers/2.layer', content: above.content }])],
    ['with a name that leads elsewhere', signed([manifest, { name: '../0.layer', content: below.content }, above])],
  ])('is refused %s', async (_, bytes) => {
    expect(await refusal(bytes)).toMatchObject({ code: 'corrupt' })
  })

  it.each(['1', '2', '3', '4', '5', '6', 'S', 'x', 'g'])('is refused where a layer is a member of type %s', async (type) => {
    const header = Buffer.from(encodeTarHeader(below.name, below.content.length))
    header.write(type, 156)
    const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    const at = archive.indexOf(below.name)
    const bytes = edited(archive, (copy) => header.copy(copy, at))
    expect(await refusal(bytes)).not.toBeNull()
  })
})

describe('a hostile manifest', () => {
  const layers = (document: Record<string, unknown>): Record<string, unknown>[] => document['layers'] as Record<string, unknown>[]
  const snapshots = (document: Record<string, unknown>): Record<string, unknown>[] => document['snapshots'] as Record<string, unknown>[]

  it.each<[string, (document: Record<string, unknown>) => unknown]>([
    ['no list of layers', (m) => void (m['layers'] = {})],
    ['no layer', (m) => void (m['layers'] = [])],
    ['a layer that stands on itself', (m) => void (layers(m)[1]!['parent'] = 1)],
    ['a layer that stands on a later one', (m) => void (layers(m)[0]!['parent'] = 1)],
    ['a parent that is none', (m) => void (layers(m)[1]!['parent'] = '0')],
    ['a size that is no whole number of sectors', (m) => void (layers(m)[0]!['virtualSizeBytes'] = '133121')],
    ['a size as a number', (m) => void (layers(m)[0]!['virtualSizeBytes'] = 133_120)],
    ['a size beyond 2^53', (m) => void (layers(m)[0]!['virtualSizeBytes'] = '9223372036854775808')],
    ['a size that its layer does not have', (m) => void (layers(m)[0]!['virtualSizeBytes'] = '512')],
    ['a base outside that is a snapshot', (m) => void (layers(m)[0]!['sha256'] = '0'.repeat(64))],
    ['a layer outside that is not the base', (m) => void (layers(m)[1]!['sha256'] = '0'.repeat(64))],
    ['a snapshot of no layer', (m) => void (snapshots(m)[0]!['layer'] = 7)],
    ['a snapshot that is its own parent', (m) => void (snapshots(m)[0]!['parent'] = 0)],
    ['a date that is none', (m) => void (snapshots(m)[0]!['createdAt'] = -1)],
    ['a consistency that is none', (m) => void (snapshots(m)[0]!['consistency'] = 'perfect')],
    ['a live disk of no layer', (m) => void (m['live'] = { layer: 2, parent: null })],
    ['a live disk after no snapshot', (m) => void (m['live'] = { layer: 1, parent: 1 })],
    ['a field that nobody knows', (m) => void (m['extra'] = true)],
    ['a field in another order', ({ layers, ...rest }) => ({ layers, ...rest })],
    ['a configuration with a secret', (m) => void (m['config'] = { env: { TOKEN: 'x' } })],
    ['a configuration of the wrong kind', (m) => void (m['config'] = { cpus: '2' })],
    ['a list for an object', (m) => void (m['config'] = [])],
    ['a description that is none', (m) => void (snapshots(m)[0]!['description'] = null)],
  ])('with %s is refused', async (_, change) => {
    expect(await refusal(withManifest(change))).toMatchObject({ code: 'corrupt' })
  })

  it.each([
    ['box', '../../etc/passwd'],
    ['box', ''],
    ['snapshot', 'a\nb'],
    ['snapshot', '.hidden'],
  ])('with a %s named %j is refused', async (kind, name) => {
    const bytes = withManifest((m) => void ((kind === 'box' ? m : snapshots(m)[0]!)['name'] = name))
    expect(await refusal(bytes)).toMatchObject({ code: 'invalid_argument' })
  })

  it('with one snapshot name twice is refused', async () => {
    const bytes = withManifest((m) => void (m['snapshots'] = [snapshots(m)[0], snapshots(m)[0]]))
    expect(await refusal(bytes)).not.toBeNull()
  })

  it('of a later version is refused as such', async () => {
    expect(await refusal(withManifest((m) => void (m['version'] = 2)))).toMatchObject({ code: 'unsupported' })
  })

  it('that is no JSON, or has a field twice, is refused', async () => {
    for (const text of ['', 'null', '{', '\u{feff}{}', manifest.content.toString().replace('"version": 1,', '"version": 1,\n  "version": 1,')]) {
      expect(await refusal(signed([{ name: 'manifest.json', content: Buffer.from(text) }, below, above]))).toMatchObject({ code: 'corrupt' })
    }
  })

  it('that is too long is refused before it is read', async () => {
    const header = encodeTarHeader('manifest.json', 2 ** 40)
    expect(await refusal(Buffer.concat([header, archive]))).toMatchObject({ code: 'limit' })
  })

  it('that claims 1 PiB takes no more than it needs', async () => {
    const huge = String(2 ** 50)
    const layer = edited(below.content, (bytes) => {
      bytes.writeBigUInt64BE(2n ** 50n, 8)
      bytes.writeBigUInt64BE(2n ** 50n, bytes.length - 16)
    })
    const document = JSON.parse(manifest.content.toString()) as Record<string, unknown>
    document['layers'] = [{ parent: null, virtualSizeBytes: huge, sha256: null }]
    document['live'] = { layer: 0, parent: 0 }
    const content = Buffer.from(`${JSON.stringify(document, null, 2)}\n`)
    const bytes = signed([{ name: 'manifest.json', content }, { name: below.name, content: layer }])
    expect(await refusal(bytes)).toBeNull()
  })
})

describe('a hostile layer', () => {
  const first = 16
  const last = below.content.length - 24

  it.each<[string, (bytes: Buffer) => void]>([
    ['another magic', (bytes) => bytes.write('X', 0)],
    ['another size than the manifest', (bytes) => bytes.writeBigUInt64BE(512n, 8)],
    ['a record of an unknown kind', (bytes) => bytes.writeUInt32BE(3, first)],
    ['a reserved field', (bytes) => bytes.writeUInt32BE(1, first + 4)],
    ['a run beyond the disk', (bytes) => bytes.writeBigUInt64BE(2n ** 63n, first + 8)],
    ['a run of no length', (bytes) => bytes.writeBigUInt64BE(0n, first + 16)],
    ['a run that wraps around', (bytes) => bytes.writeBigUInt64BE(2n ** 64n - 65536n, first + 16)],
    ['a run that is not aligned', (bytes) => bytes.writeBigUInt64BE(512n, first + 8)],
    ['part of a cluster', (bytes) => bytes.writeBigUInt64BE(65536n - 512n, first + 16)],
    ['no end', (bytes) => bytes.writeUInt32BE(2, last)],
    ['an end elsewhere', (bytes) => bytes.writeBigUInt64BE(0n, last + 8)],
    ['an end with a length', (bytes) => bytes.writeBigUInt64BE(1n, last + 16)],
  ])('with %s is refused', async (_, edit) => {
    expect(await refusal(withLayer(edited(below.content, edit)))).toMatchObject({ code: 'corrupt' })
  })

  it('with bytes after its end, or cut, is refused', async () => {
    expect(await refusal(withLayer(Buffer.concat([below.content, Buffer.alloc(1)])))).toMatchObject({ code: 'corrupt' })
    expect(await refusal(withLayer(below.content.subarray(0, -1)))).toMatchObject({ code: 'corrupt' })
  })

  it('with runs out of order, twice, or cut in two is refused', async () => {
    const run = (kind: number, offset: number, length: number): Buffer => {
      const record = Buffer.alloc(24)
      record.writeUInt32BE(kind, 0)
      record.writeBigUInt64BE(BigInt(offset), 8)
      record.writeBigUInt64BE(BigInt(length), 16)
      return record
    }
    const cluster = 64 * KIB
    const cases = [
      [run(2, cluster, cluster), run(2, 0, cluster)],
      [run(2, 0, cluster), run(2, 0, cluster)],
      [run(2, 0, cluster), run(2, cluster, cluster)],
      [run(2, 0, 2 * cluster), run(1, cluster, cluster), Buffer.alloc(cluster)],
    ]
    for (const records of cases) {
      const layer = Buffer.concat([below.content.subarray(0, first), ...records, below.content.subarray(last)])
      expect(await refusal(withLayer(layer))).toMatchObject({ code: 'corrupt' })
    }
  })
})

describe('a failing source or store', () => {
  it('rejects with what the source rejected with', async () => {
    const failure = new BoxLiteError('io', 'the network is gone')
    async function* source(): AsyncGenerator<Uint8Array> {
      yield archive.subarray(0, 50_000)
      throw failure
    }
    const target = new TestHome()
    await expect(importBox(target.host, source(), { newId, nowMs: 1 })).rejects.toMatchObject({ code: 'io' })
    expect([await target.store.list('boxes'), await target.store.list('layers')]).toEqual([[], []])
  })

  it('lets the source go when it is refused early', async () => {
    let ended = false
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(1000, 'x')
      } finally {
        ended = true
      }
    }
    await expect(importBox(new TestHome().host, source(), { newId, nowMs: 1 })).rejects.toMatchObject({ code: 'corrupt' })
    expect(ended).toBe(true)
  })
})

it('an archive that says zeros of more than a disk has room for takes no more than what they hide', async () => {
  const sizeBytes = 2 ** 40
  const document = JSON.parse(manifest.content.toString()) as { layers: { virtualSizeBytes: string }[] }
  for (const layer of document.layers) layer.virtualSizeBytes = String(sizeBytes)
  const target = new TestHome()
  const large = signed([
    { name: 'manifest.json', content: Buffer.from(`${JSON.stringify(document, null, 2)}\n`) },
    { name: below.name, content: layerOf(BigInt(sizeBytes), false) },
    { name: above.name, content: layerOf(BigInt(sizeBytes), true) },
  ])
  await importBox(target.host, chunked(large, 40_000), { newId, nowMs: 1 })
  for (const name of await target.store.list('layers')) expect((await target.store.readLayerHead(name, 0)).fileBytes).toBeLessThan(2 ** 20)
})
