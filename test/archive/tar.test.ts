import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { ByteReader } from '../../src/archive/byte-reader.ts'
import { encodeTarHeader, decodeTarHeader } from '../../src/archive/tar-header.ts'
import { TarReader } from '../../src/archive/tar-reader.ts'
import { writeTar } from '../../src/archive/tar-writer.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { chunked, collect } from './streams.ts'

const folder = mkdtempSync(join(tmpdir(), 'boxlite-tar-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Every member, its content with its holes filled. */
async function readTar(bytes: Uint8Array, chunkBytes = 700): Promise<Map<string, Uint8Array>> {
  const reader = new TarReader(new ByteReader(chunked(bytes, chunkBytes)))
  const members = new Map<string, Uint8Array>()
  for (let member = await reader.next(); member !== null; member = await reader.next()) {
    const content = new Uint8Array(member.sizeBytes)
    for await (const { offset, bytes } of member.pieces()) content.set(bytes, offset)
    members.set(member.name, content)
  }
  await reader.end('zeros')
  return members
}

async function* inputs(members: Record<string, Uint8Array>): AsyncGenerator<{ name: string; sizeBytes: number; body: AsyncIterable<Uint8Array> }> {
  for (const [name, content] of Object.entries(members)) yield { name, sizeBytes: content.length, body: chunked(content, 300) }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** Makes a tar of what is in `files` with the system's tar. */
function systemTar(options: string[], files: Record<string, string>): Uint8Array {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  execFileSync('tar', [...options, '-cf', 'made.tar', '-C', folder, ...Object.keys(files)], { cwd: folder })
  return readFileSync(join(folder, 'made.tar'))
}

describe('tar', () => {
  it('reads back what it wrote, and so does the system', async () => {
    const layers = { 'layers/0': new Uint8Array(512).fill(7), empty: new Uint8Array(0), 'layers/1': new Uint8Array(1537).fill(9) }
    const members = { 'manifest.json': text('{}'), ...layers }
    const bytes = await collect(writeTar(inputs(members)))
    expect(Object.fromEntries(await readTar(bytes))).toEqual(members)
    writeFileSync(join(folder, 'ours.tar'), bytes)
    expect(execFileSync('tar', ['-tf', 'ours.tar'], { cwd: folder, encoding: 'utf8' })).toBe('manifest.json\nlayers/0\nempty\nlayers/1\n')
    expect(execFileSync('tar', ['-xOf', 'ours.tar', 'layers/1'], { cwd: folder })).toEqual(Buffer.from(members['layers/1']))
  })

  it('writes sizes of 8 GiB and more, as GNU does', () => {
    for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 40 + 512, Number.MAX_SAFE_INTEGER]) {
      expect(decodeTarHeader(encodeTarHeader('layer', size))).toEqual({ name: 'layer', sizeBytes: size, type: '0' })
    }
  })

  it('reads the forms that other tools write', async () => {
    for (const format of ['ustar', 'gnu', 'pax', 'v7']) {
      const bytes = systemTar([`--format=${format}`], { 'manifest.json': '{"a":1}', 'disk.qcow2': 'QFI'.repeat(999) })
      if (format === 'v7') await expect(readTar(bytes)).rejects.toMatchObject({ code: 'corrupt' })
      else expect(Array.from(await readTar(bytes), ([name, content]) => [name, content.length])).toEqual([['manifest.json', 7], ['disk.qcow2', 2997]])
    }
  })

  it('reads a sparse member, holes as zeros', async () => {
    const content = Buffer.alloc(3 * 1024 * 1024)
    for (let i = 0; i < 60; i++) content.write(`piece ${i}`, i * 49_152)
    writeFileSync(join(folder, 'disk.qcow2'), '')
    truncateSync(join(folder, 'disk.qcow2'), content.length)
    const file = openSync(join(folder, 'disk.qcow2'), 'r+')
    for (let i = 0; i < 60; i++) writeSync(file, `piece ${i}`, i * 49_152)
    closeSync(file)
    execFileSync('tar', ['--format=gnu', '-S', '-cf', 'sparse.tar', 'disk.qcow2'], { cwd: folder })
    const bytes = readFileSync(join(folder, 'sparse.tar'))
    expect(bytes[156]).toBe('S'.charCodeAt(0))
    expect(bytes.length).toBeLessThan(content.length)
    expect(content.equals((await readTar(bytes)).get('disk.qcow2') ?? new Uint8Array(0))).toBe(true)
  })

  it('refuses links, devices, directories and a name that comes twice', async () => {
    for (const type of ['1', '2', '3', '4', '5', '6', '7', 'g', 'L', 'K', 'D', 'V']) {
      const header = encodeTarHeader('member', 0)
      header[156] = type.charCodeAt(0)
      const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
      header.set(text(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
      await expect(readTar(Uint8Array.from([...header, ...new Uint8Array(1024)]))).rejects.toMatchObject({ code: 'corrupt' })
    }
    const twice = [encodeTarHeader('a', 0), encodeTarHeader('a', 0), new Uint8Array(1024)]
    await expect(readTar(Uint8Array.from(twice.flatMap((block) => [...block])))).rejects.toThrow("it holds 'a' twice")
  })

  it('refuses an archive cut anywhere, and one with anything behind its end', async () => {
    const bytes = await collect(writeTar(inputs({ a: new Uint8Array(700).fill(1), b: new Uint8Array(512).fill(2) })))
    for (let length = 0; length < bytes.length; length += 7) {
      await expect(readTar(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'corrupt' })
    }
    await expect(readTar(Uint8Array.from([...bytes, 1]))).rejects.toMatchObject({ code: 'corrupt' })
  })

  it('ends in content or in a typed refusal, whatever the bytes', async () => {
    const bytes = await collect(writeTar(inputs({ a: new Uint8Array(700).fill(1) })))
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const damaged = bytes.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        await readTar(damaged).catch((error: unknown) => expect(isBoxLiteError(error, 'corrupt')).toBe(true))
      }),
      { numRuns: 500 },
    )
  })
})
