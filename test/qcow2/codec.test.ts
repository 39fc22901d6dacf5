// Node's codecs keep the promises of the portable one, and what they deflate QEMU's window can inflate.

import { inflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decompress } from 'fzstd'
import { createNodeCodec, nativeZstd, nodeCodec } from '../../hosts/node/codec.ts'
import { measureFrame } from '../../src/disk/zstd.ts'
import { codecSuite, patternBytes } from './codec-suite.ts'

describe('the codec of Node', () => codecSuite(nodeCodec))

describe('the codec of Node without a zstd of its own', () => codecSuite(createNodeCodec(undefined)))

// Nodes before 22.15 have none: there a stand-in with its interface shows that the frames it gets are the right ones.
describe('the codec of Node with a zstd of its own', () => {
  codecSuite(
    createNodeCodec(
      nativeZstd ??
        ((source, { maxOutputLength }, done) => {
          try {
            const isOver = !measureFrame(source, 0, maxOutputLength).whole
            const output = isOver ? Buffer.alloc(0) : Buffer.from(decompress(source))
            if (isOver || output.length > maxOutputLength) throw Object.assign(new RangeError('too large'), { code: 'ERR_BUFFER_TOO_LARGE' })
            done(null, output)
          } catch (error) {
            done(error as Error, Buffer.alloc(0))
          }
        }),
    ),
  )
})

describe('deflating', () => {
  test('makes raw deflate data that a window of 4 KiB can inflate', async () => {
    const source = patternBytes(65536)
    const data = await nodeCodec.deflate!(source)
    expect(data!.length).toBeLessThan(source.length)
    expect(new Uint8Array(inflateRawSync(data!, { windowBits: 12 }))).toEqual(source)
  })

  test('answers null when the data would not be smaller', async () => {
    expect(await nodeCodec.deflate!(crypto.getRandomValues(new Uint8Array(65536)))).toBeNull()
  })
})
