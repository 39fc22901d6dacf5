import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Sha256 } from '../../src/archive/sha256.ts'

const sha256 = await Sha256.create()

/** The platform's own digest, the judge of ours. */
async function platformDigest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

describe('SHA-256', () => {
  it('gives the digests of FIPS 180-4', () => {
    expect(sha256.end()).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    sha256.update(new TextEncoder().encode('abc'))
    expect(sha256.end()).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    for (let i = 0; i < 10; i++) sha256.update(new Uint8Array(100_000).fill(0x61))
    expect(sha256.end()).toBe('cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0')
  })

  it("agrees with the platform's, however the bytes are cut", async () => {
    const long = fc.integer({ min: 0, max: 140_000 }).map((length) => new Uint8Array(length).fill(length))
    const parts = fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), long), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(parts, async (chunks) => {
        const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
        let at = 0
        for (const chunk of chunks) {
          whole.set(chunk, at)
          at += chunk.length
          sha256.update(chunk)
        }
        expect(sha256.end()).toBe(await platformDigest(whole))
      }),
      { numRuns: 60 },
    )
  })
})
