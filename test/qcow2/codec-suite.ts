// The promises of a codec, run on each.

import { expect, test } from 'vitest'
import type { Codec } from '../../src/disk/codec.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { joinBytes } from '../../src/join-bytes.ts'

/** `length` bytes that compress, but not to nothing. */
export function patternBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let state = 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[i] = state >>> 28
  }
  return bytes
}

// A cluster of 4096 bytes as qemu-img 7.2 compresses it with compression_type=zstd; its text follows.
const qemuZstd = [
  'KLUv/WAADz0NAAZpYBaQtRoDxm+U0iZDZp+yQfb5//8H579yWQBYAFkABDMOOAAyC2WJb+a2MIAvca/ksZoqxfU8TgcbOD3k+VvqkFUAyofMnqIdMelCa4gXLm0NWZeecctzvKb3GlSe',
  'Ce5Ye2sJGu4xBzlHZan9ABu6ykOAmnrEzN2vyqE1bEEl/05bNga5yEbY24XYtHQBGgvphtf06zgnb10JCLiaAq2L64R+uXG0XAREUPgwAbmfq4hPES04WFFn7D5F0orjbTBuJFI5P7R7',
  'wjQv1mJae6EZK+Gu4lRG3o3epyQCd2Zo46gnot6u4bSwI2iEeoi6gMSHSiBBcdFjnG+UXrg6KoyOQqDsI7v8WJ/0B5fCBgYum5kot1cwk5UBzrad90Sx7LCQU/rIskhbJMObifiqoWC4',
  'LDUGvFtiiufkMGexBUV/jbmRfFIN63ecbBsvuSVmW1l4wixamhBfpI9NzgVQLHLUeuc5nA5scPrIdVSlbR1ZHNkfBnC1TXtii7BBABfYYERq8QYLACedJjw4HGCZG3YyFBY5N+cHlGGA',
  'XI5CGQXTkahAGRkALAAA',
].join('')

function qemuCluster(): Uint8Array {
  const text = 'the quick brown fox jumps over the lazy dog; '
  return Uint8Array.from({ length: 4096 }, (_, i) => text.charCodeAt(((i * i) >> 5) % text.length))
}

function base64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}

async function deflateRaw(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

/** A Zstandard frame of raw blocks of at most 64 KiB, with the size of its content stated or not. */
function zstdRaw(bytes: Uint8Array, stated = true): Uint8Array {
  const out: number[] = [0x28, 0xb5, 0x2f, 0xfd]
  if (stated) out.push(0xa0, bytes.length & 255, (bytes.length >> 8) & 255, (bytes.length >> 16) & 255, 0)
  else out.push(0x00, 11 << 3)
  for (let at = 0; at < bytes.length || at === 0; at += 65536) {
    const block = bytes.subarray(at, at + 65536)
    const header = (block.length << 3) | (at + 65536 >= bytes.length ? 1 : 0)
    out.push(header & 255, (header >> 8) & 255, header >> 16)
    for (const byte of block) out.push(byte)
  }
  return Uint8Array.from(out)
}

const sizes = [512, 4096, 65536, 1 << 20, 2 << 20]
const contents = {
  zeros: (size: number) => new Uint8Array(size),
  text: patternBytes,
  noise: (size: number) => {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536))
    return bytes
  },
}
const tails: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['one byte', Uint8Array.of(0x5a)],
  ['zeros', new Uint8Array(511)],
  ['noise', contents.noise(511)],
  ['much noise', contents.noise(70000)],
]

/** What every codec promises. */
export function codecSuite(codec: Codec): void {
  for (const [name, content] of Object.entries(contents)) {
    test(`inflating reads exactly one cluster of ${name} and ignores what follows`, async () => {
      for (const size of sizes) {
        const source = content(size)
        for (const [method, data] of [['deflate', await deflateRaw(source)] as const, ['zstd', zstdRaw(source)] as const]) {
          for (const [tail, bytes] of tails) {
            const target = new Uint8Array(size)
            const exact = await codec.inflate(method, joinBytes(data, bytes), target)
            expect({ method, size, tail, exact, same: sameBytes(source, target) }).toEqual({ method, size, tail, exact: true, same: true })
          }
        }
      }
    })
  }

  test('a cluster that qemu-img compressed with zstd inflates, padding and all', async () => {
    const target = new Uint8Array(4096)
    expect(await codec.inflate('zstd', joinBytes(base64(qemuZstd), new Uint8Array(300)), target)).toBe(true)
    expect(target).toEqual(qemuCluster())
  })

  test('a zstd cluster may be several frames, skippable ones between, with no size stated', async () => {
    const source = patternBytes(65536)
    const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3)
    const target = new Uint8Array(65536)
    const data = joinBytes(zstdRaw(source.subarray(0, 1000)), skippable, zstdRaw(source.subarray(1000), false), contents.noise(99))
    expect(await codec.inflate('zstd', data, target)).toBe(true)
    expect(target).toEqual(source)
  })

  test('data that goes on after the cluster is cut there, and said to', async () => {
    // Some that compresses to much, and some to next to nothing.
    for (const source of [patternBytes(65536), contents.zeros(65536)]) {
      for (const [method, data] of [['deflate', await deflateRaw(source)] as const, ['zstd', zstdRaw(source)] as const]) {
        for (const size of [512, 32768, 65535]) {
          const target = new Uint8Array(size).fill(1)
          expect([method, size, await codec.inflate(method, data, target)]).toEqual([method, size, false])
          expect(target).toEqual(source.subarray(0, size))
        }
      }
    }
  })

  test('data that is short, cut or garbage is refused as corrupt', async () => {
    const source = patternBytes(65536)
    const deflated = await deflateRaw(source)
    const cases: readonly (readonly [string, 'deflate' | 'zstd', Uint8Array])[] = [
      ['short', 'deflate', await deflateRaw(source.slice(0, 65535))],
      ['cut', 'deflate', deflated.subarray(0, deflated.length >> 1)],
      ['garbage', 'deflate', new Uint8Array(512).fill(0xff)],
      ['empty', 'deflate', new Uint8Array(0)],
      ['short', 'zstd', zstdRaw(source.subarray(0, 65535))],
      ['cut', 'zstd', zstdRaw(source).subarray(0, 30000)],
      ['garbage', 'zstd', new Uint8Array(512).fill(0xff)],
      ['empty', 'zstd', new Uint8Array(0)],
      ['of the reserved block type', 'zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 8, 7, 0, 0, 0, 0, 0)],
      ['in need of a dictionary', 'zstd', Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 1, 8, 1, 0, 0, 0, 0)],
    ]
    for (const [what, method, data] of cases) {
      const outcome = await codec.inflate(method, data, new Uint8Array(65536)).then(
        () => 'inflated',
        (error: unknown) => (isBoxLiteError(error) ? error.code : error),
      )
      expect(`${method} data that is ${what}: ${String(outcome)}`).toBe(`${method} data that is ${what}: corrupt`)
    }
  })

  test('a small zstd frame that would make a huge cluster costs no more than the cluster', async () => {
    const head = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 1, 0]
    // 98,047 sequences that copy 64 KiB each, said in nine bytes.
    const block = [0x00, 0xff, 0xff, 0xff, 0x54, 0, 0, 52, 0x80]
    const sequences = Uint8Array.from([...head, (block.length << 3) | 5, 0, 0, ...block])
    await expect(codec.inflate('zstd', sequences, new Uint8Array(65536))).rejects.toMatchObject({ code: 'corrupt' })
    // Blocks of one byte that stands for 64 KiB: one is needed, a hundred thousand follow.
    const repeated = Uint8Array.from({ length: 400_000 }, (_, i) => [0x02, 0x00, 0x08, 0x77][i % 4]!)
    const target = new Uint8Array(65536)
    expect(await codec.inflate('zstd', joinBytes(Uint8Array.from(head), repeated, Uint8Array.of(1, 0, 0)), target)).toBe(false)
    expect(target.every((byte) => byte === 0x77)).toBe(true)
  })

  test('a zstd frame that asks for a window over the limit is refused before anything is allocated', async () => {
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 31 << 3, 1, 0, 0)
    await expect(codec.inflate('zstd', frame, new Uint8Array(65536))).rejects.toMatchObject({ code: 'limit' })
  })
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
