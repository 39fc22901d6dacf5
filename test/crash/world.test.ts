// The disk that forgets, forgetting: each persistence model, on the smallest case that shows it.

import { describe, expect, it } from 'vitest'
import { Content, equalBytes } from './content.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { patternPage } from './guest.ts'
import { HashSet, Random } from './hash.ts'
import { visibleHash, visitImages, type Model } from './images.ts'
import { Names, ROOT, World } from './world.ts'

const bounds = { variantsPerNode: 64, imagesPerPoint: 4096, seed: 1 }

/** Each different disk that a power cut may leave: its files as text, and the tamest model that leaves it. */
function images(world: World): Map<string, Model> {
  const found = new Map<string, Model>()
  const order: Model[] = ['kill', 'ordered', 'subset', 'length', 'torn 4096', 'torn 512']
  visitImages(world, (_low, _high, model, build) => {
    const image = build()
    const files = [...image.names(ROOT).entries].map(([name, node]) => `${name}=${show(image.content(node))}`)
    const text = files.sort().join(' ')
    const before = found.get(text)
    if (before === undefined || order.indexOf(model) < order.indexOf(before)) found.set(text, model)
  })
  return found
}

function show(content: Content): string {
  const runs = [...content.bytes()].map((byte) => String.fromCharCode(byte === 0 ? 0x30 : byte)).join('')
  return runs.replace(/(.)\1{4,}/g, (run: string, letter: string) => `${letter}x${run.length}`)
}

async function file(files: CrashFileSystem, name: string, text: string, sync: boolean): Promise<void> {
  const opened = await files.open(name, 'create')
  await opened.write(new TextEncoder().encode(text), 0)
  if (sync) await opened.sync()
}

describe('the disk that forgets', () => {
  it('keeps a file only once it is synced, and its name only once the directory is', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    await file(files, 'a', 'hello', false)
    expect([...images(world).keys()].sort()).toEqual(['', 'a=', 'a=00000', 'a=hello'].map((text) => text.replace('00000', '0x5')).sort())
    await files.syncDirectory('')
    expect(images(world).has('')).toBe(false)
    await (await files.open('a', 'write')).sync()
    expect([...images(world).keys()]).toEqual(['a=hello'])
  })

  it('may keep a rename before the data of the file it names', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    await file(files, 'a', 'old', true)
    await files.syncDirectory('')
    await file(files, 'a.tmp', 'new', false)
    await files.rename('a.tmp', 'a')
    const left = images(world)
    expect(left.get('a=new')).toBe('ordered')
    expect(left.has('a=')).toBe(true)
    expect(left.get('a=000')).toBe('length')
    expect(left.has('a=old')).toBe(true)
  })

  it('leaves every subset of independent effects, and only the prefixes where it is ordered', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    for (const name of ['a', 'b', 'c']) await file(files, name, '', true)
    const left = images(world)
    expect(left.size).toBe(8)
    expect([...left].filter(([, model]) => model === 'ordered').length).toBeLessThanOrEqual(4)
    expect(left.get('c=')).toBe('subset')
  })

  it('tears a write at 512 and at 4096 bytes', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    const opened = await files.open('a', 'create')
    await opened.truncate(8192)
    await opened.sync()
    await files.syncDirectory('')
    await opened.write(new TextEncoder().encode('x'.repeat(8192)), 0)
    const left = images(world)
    expect(left.get('a=xx40960x4096')).toBe('torn 4096')
    expect(left.get('a=0x4096xx4096')).toBe('torn 4096')
    expect(left.get('a=xx5120x7680')).toBe('torn 512')
    expect(left.get('a=xx8192')).toBe('ordered')
  })

  it('splits a rename across directories', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    await files.makeDirectory('d')
    await file(files, 'a', 'x', true)
    world.settle()
    await files.rename('a', 'd/a')
    const seen = new Set<string>()
    visitImages(world, (_low, _high, _model, build) => {
      const image = build()
      const inside = image.names(image.names(ROOT).entries.get('d')!).entries.has('a')
      seen.add(`${image.names(ROOT).entries.has('a')} ${inside}`)
    })
    expect([...seen].sort()).toEqual(['false false', 'false true', 'true false', 'true true'])
  })

  it('forgets what a failed sync should have kept, whatever is synced later', async () => {
    const world = new World(bounds)
    const files = new CrashFileSystem(world)
    await file(files, 'a', '', true)
    await files.syncDirectory('')
    const opened = await files.open('a', 'write')
    await opened.write(new TextEncoder().encode('x'), 0)
    world.syncFailed(world.names(ROOT).entries.get('a')!)
    await opened.sync()
    expect(images(world).has('a=')).toBe(true)
  })

  it('tells equal disks from different ones by their hash, whatever made them', async () => {
    const make = async (names: readonly string[], text: string): Promise<World> => {
      const world = new World(bounds)
      for (const name of names) await file(new CrashFileSystem(world), name, text, true)
      return world
    }
    expect(visibleHash(await make(['a', 'b'], 'x'))).toEqual(visibleHash(await make(['b', 'a'], 'x')))
    expect(visibleHash(await make(['a', 'b'], 'x'))).not.toEqual(visibleHash(await make(['a', 'c'], 'x')))
    expect(visibleHash(await make(['a'], 'x'))).not.toEqual(visibleHash(await make(['a'], 'y')))
  })

  it('forks without either side seeing the other', async () => {
    const world = new World(bounds)
    await file(new CrashFileSystem(world), 'a', 'x', true)
    const fork = world.fork()
    await file(new CrashFileSystem(fork), 'b', 'y', true)
    expect(world.names(ROOT).entries.has('b')).toBe(false)
    expect(fork.names(ROOT)).toBeInstanceOf(Names)
  })
})

describe('contents', () => {
  it('read back what was written, like a plain array', () => {
    const random = new Random(3)
    let content = Content.EMPTY
    let plain = new Uint8Array(0)
    for (let i = 0; i < 300; i++) {
      const offset = random.below(20_000)
      const bytes = patternPage(random.below(9) * 0x01010101).subarray(0, random.below(4096))
      const end = Math.max(plain.length, offset + bytes.length)
      const longer = new Uint8Array(random.below(5) === 0 ? random.below(20_000) : end)
      longer.set(plain.subarray(0, longer.length))
      if (longer.length === end) longer.set(bytes, offset)
      content = longer.length === end ? content.resize(end).write(offset, bytes) : content.resize(longer.length)
      plain = longer
      expect(equalBytes(content.bytes(), plain)).toBe(true)
      expect(content.equals(Content.of(plain))).toBe(true)
    }
  })
})

describe('a set of hashes', () => {
  it('counts each hash once', () => {
    const set = new HashSet(4)
    const plain = new Set<string>()
    const random = new Random(4)
    for (let i = 0; i < 5000; i++) {
      const [low, high] = [random.below(60) - 30, random.below(60) - 30]
      expect(set.add(low, high)).toBe(!plain.has(`${low} ${high}`))
      plain.add(`${low} ${high}`)
    }
    expect(set.size).toBe(plain.size)
  })
})
