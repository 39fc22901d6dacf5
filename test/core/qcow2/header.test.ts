import { describe, expect, it } from 'vitest'
import { createImage } from '../../../src/disk/create.ts'
import { readImageInfo } from '../../../src/disk/info.ts'
import { MemoryFile } from '../../../src/store/memory-file.ts'

const newFile = (): MemoryFile => new MemoryFile({ pages: new Map(), lengthBytes: 0 }, true)

/** An image of our own form with some bytes replaced. */
async function imageWith(edits: Readonly<Record<number, readonly number[]>>): Promise<MemoryFile> {
  const file = newFile()
  await createImage(file, { sizeBytes: 1 << 30, backing: { name: 'base.raw', format: 'raw' } })
  for (const [offset, bytes] of Object.entries(edits)) await file.write(Uint8Array.from(bytes), Number(offset))
  return file
}

/** The code and field an image is refused with. */
async function refusal(file: MemoryFile): Promise<string> {
  try {
    await readImageInfo(file)
    return 'accepted'
  } catch (error) {
    const { code, facts } = error as { code: string; facts: { field: string } }
    return `${code} ${facts.field}`
  }
}

describe('the header', () => {
  it('of a new image says what was asked for', async () => {
    const info = await readImageInfo(await imageWith({}))
    expect(info).toMatchObject({ version: 3, virtualSizeBytes: 1 << 30, clusterBytes: 65536, ownForm: true, refcountBits: 16, fileBytes: 4 * 65536 })
    expect(info.backing).toEqual({ name: 'base.raw', kind: 'plain', format: 'raw' })
    const home = `${'0123456789abcdef'.repeat(2)}.qcow2`
    const file = newFile()
    await createImage(file, { sizeBytes: 0, backing: { name: home, format: 'qcow2' } })
    expect((await readImageInfo(file)).backing).toEqual({ name: home, kind: 'home', format: 'qcow2' })
  })

  it('is refused with the field that is wrong', async () => {
    const cases: readonly (readonly [Record<number, number[]>, string])[] = [
      [{ 0: [0] }, 'corrupt magic'],
      [{ 7: [4] }, 'unsupported version'],
      [{ 23: [8] }, 'corrupt cluster_bits'],
      [{ 20: [255, 255, 255, 255] }, 'corrupt cluster_bits'],
      [{ 24: [0x80] }, 'corrupt virtual_size'],
      [{ 31: [1] }, 'corrupt virtual_size'],
      [{ 35: [1] }, 'unsupported crypt_method'],
      [{ 39: [1] }, 'corrupt l1_size'],
      [{ 36: [1] }, 'limit l1_size'],
      [{ 47: [1] }, 'corrupt l1_table_offset'],
      [{ 40: [0, 0, 0, 0, 0, 0, 0, 0] }, 'corrupt l1_table_offset'],
      [{ 40: [0, 0, 0, 0, 0, 1, 0, 0] }, 'corrupt l1_table_offset'],
      [{ 40: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0] }, 'corrupt l1_table_offset'],
      [{ 48: [0, 0, 0, 0, 0, 9, 0, 0] }, 'corrupt refcount_table_offset'],
      [{ 59: [0] }, 'corrupt refcount_table_clusters'],
      [{ 56: [1] }, 'limit refcount_table_clusters'],
      [{ 60: [1] }, 'limit snapshot_count'],
      [{ 63: [1] }, 'corrupt snapshots_offset'],
      [{ 79: [4] }, 'unsupported data_file'],
      [{ 72: [1] }, 'unsupported incompatible_features'],
      [{ 79: [8] }, 'corrupt compression_type'],
      [{ 104: [1] }, 'corrupt compression_type'],
      [{ 99: [7] }, 'corrupt refcount_order'],
      [{ 103: [105] }, 'corrupt header_length'],
      [{ 100: [1] }, 'corrupt header_length'],
      [{ 8: [0, 0, 0, 0, 0, 1, 0, 1] }, 'corrupt backing_file_offset'],
      [{ 15: [8] }, 'corrupt backing_file_offset'],
      [{ 16: [0, 0, 4, 0] }, 'corrupt backing_file_size'],
      [{ 16: [0, 0, 0, 0] }, 'corrupt backing_file_name'],
      [{ 138: [0] }, 'corrupt backing_file_name'],
      [{ 138: [0xff] }, 'corrupt backing_file_name'],
      [{ 116: [255, 255, 255, 255] }, 'corrupt extension_length'],
      [{ 128: [0xe2, 0x79, 0x2a, 0xca, 0, 0, 0, 0] }, 'corrupt extension'],
      [{ 128: [1, 1, 1, 1, 0, 0, 0, 0] }, 'corrupt extension'],
      [{ 128: [0x44, 0x41, 0x54, 0x41, 0, 0, 0, 0] }, 'unsupported data_file'],
      [{ 128: [0x05, 0x37, 0xbe, 0x77, 0, 0, 0, 0] }, 'unsupported crypt_method'],
    ]
    for (const [edits, expected] of cases) expect(await refusal(await imageWith(edits)), JSON.stringify(edits)).toBe(expected)
  })

  it('is refused wherever the file is cut', async () => {
    for (const length of [0, 3, 4, 20, 71, 72, 103, 104, 111, 112, 140, 65536, 65536 * 3]) {
      const file = await imageWith({})
      await file.truncate(length)
      expect(await refusal(file), `${length}`).toMatch(/^corrupt /)
    }
  })

  it('accepts only backing names that stay where the image is, when an image is made', async () => {
    const leaving = ['/etc/passwd', '../x', 'a/../../x', 'a/..', '..', 'json:{}', 'nbd://h/x', 'file:x', 'C:\\x', 'a\\b']
    for (const name of [...leaving, '', 'a\0b', 'a\nb', '\ud800', 'x'.repeat(1024)]) {
      const made = createImage(newFile(), { sizeBytes: 512, backing: { name, format: 'raw' } })
      await expect(made, JSON.stringify(name)).rejects.toMatchObject({ code: 'invalid_argument' })
    }
    for (const name of ['a', 'a/b.raw', '..a', 'a..', './a', 'a/b:c', 'é', 'x'.repeat(1023)]) {
      const file = newFile()
      await createImage(file, { sizeBytes: 512, backing: { name, format: 'raw' } })
      expect((await readImageInfo(file)).backing?.name).toBe(name)
    }
  })
})
