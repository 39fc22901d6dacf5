import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readArchiveFile, writeArchiveFile } from '../../hosts/node/archive-file.ts'
import { chunked, collect } from './streams.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'boxlite-archive-file-'))
  path = join(folder, 'box.tar')
})
afterEach(() => rmSync(folder, { recursive: true }))

const bytes = Buffer.alloc(700_000, 'archive ')

describe('an archive file', () => {
  it('is what was written, readable by its owner only', async () => {
    await writeArchiveFile(path, chunked(bytes, 100_001))
    expect(readFileSync(path).equals(bytes)).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(Buffer.from(await collect(readArchiveFile(path))).equals(bytes)).toBe(true)
    expect(readdirSync(folder)).toEqual(['box.tar'])
  })

  it('appears, or replaces another, only when it is whole', async () => {
    writeFileSync(path, 'before')
    const seen: string[] = []
    async function* archive(): AsyncGenerator<Uint8Array> {
      yield bytes
      seen.push(readFileSync(path, 'utf8'))
      yield bytes
    }
    await writeArchiveFile(path, archive())
    expect(seen).toEqual(['before'])
    expect(statSync(path).size).toBe(2 * bytes.length)
  })

  it('is as it was, with nothing beside it, when the archive fails', async () => {
    writeFileSync(path, 'before')
    async function* archive(): AsyncGenerator<Uint8Array> {
      yield bytes
      throw new Error('the box is gone')
    }
    await expect(writeArchiveFile(path, archive())).rejects.toThrow('the box is gone')
    expect(readdirSync(folder)).toEqual(['box.tar'])
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  it('replaces a symbolic link, not what it points at', async () => {
    writeFileSync(join(folder, 'other'), 'precious')
    symlinkSync(join(folder, 'other'), path)
    await writeArchiveFile(path, chunked(bytes, 1000))
    expect(readFileSync(join(folder, 'other'), 'utf8')).toBe('precious')
    expect(readFileSync(path).equals(bytes)).toBe(true)
  })

  it('is refused with a typed error where it cannot be', async () => {
    await expect(writeArchiveFile(join(folder, 'none', 'box.tar'), chunked(bytes, 1000))).rejects.toMatchObject({ code: 'not_found' })
    await expect(collect(readArchiveFile(path))).rejects.toMatchObject({ code: 'not_found' })
    mkdirSync(path)
    await expect(writeArchiveFile(path, chunked(bytes, 1000))).rejects.toMatchObject({ code: 'io' })
    expect(readdirSync(folder)).toEqual(['box.tar'])
  })
})
