import { describe, expect, it } from 'vitest'
import { parseBuiltImage, parseGuestManifest } from '../../src/guest-manifest.ts'
import { refuses } from '../store/refuses.ts'
import { guestManifest } from './make-guest.ts'

/** A strict reader as a promise, for `refuses`. */
const later = async <T>(read: (text: string) => T, text: string): Promise<T> => read(text)

/** The manifest with the value at `path` replaced, or taken out when it is undefined. */
function spoiled(path: string, value: unknown): string {
  const document = structuredClone(guestManifest()) as unknown as Record<string, unknown>
  const steps = path.split('.')
  const last = steps.pop()!
  const place = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, document)
  place[last] = value
  return JSON.stringify(document)
}

describe('guest.json', () => {
  it('is read as it was written', () => {
    expect(parseGuestManifest(JSON.stringify(guestManifest()))).toEqual(guestManifest())
  })

  it.each([
    ['key', 'x'],
    ['agentProtocol', 0],
    ['kernel', null],
    ['kernel.file', '../bzImage'],
    ['kernel.file', 'a/b'],
    ['kernel.file', '.hidden'],
    ['kernel.bytes', -1],
    ['kernel.bytes', 1.5],
    ['initrd.sha256', 'A'.repeat(64)],
    ['firmware', undefined],
    ['emulator.version', '0.5.462+g5f9a90f'],
    ['commandLine', 'quiet\ninit=/bin/sh'],
    ['images', {}],
    ['images.0.virtualSizeBytes', 1000],
    ['images.0.reference', ''],
    ['emptyDisk.digest', ''],
    ['recipes.0.key', '/'],
    ['packages.0.name', 7],
    ['packages.0.surprise', true],
    ['kernel.surprise', true],
    ['surprise', true],
  ])('is corrupt, and says where, when %s is %j', async (path, value) => {
    const field = path.replace(/\.(\d+)/g, '[$1]')
    await refuses(later(parseGuestManifest, spoiled(path, value)), 'corrupt', new RegExp(field.replace(/[[\].]/g, '\\$&')))
  })

  it('names an emulator only where it serves pages', () => {
    const { emulator: _, ...without } = guestManifest()
    expect(parseGuestManifest(JSON.stringify(without))).toEqual(without)
  })

  it('names each image once', async () => {
    const images = [...guestManifest().images, ...guestManifest().images]
    await refuses(later(parseGuestManifest, JSON.stringify(guestManifest({ images }))), 'corrupt', /images/)
  })

  it('of another format or platform is unsupported, not damaged', async () => {
    await refuses(later(parseGuestManifest, spoiled('format', 2)), 'unsupported', /format 2/)
    await refuses(later(parseGuestManifest, spoiled('platform', 'linux/arm64')), 'unsupported', /linux\/arm64/)
  })

  it.each(['', '[]', 'null', '{', ' '.repeat(2 ** 20 + 1)])('that is no JSON object is corrupt', async (text) => {
    await refuses(later(parseGuestManifest, text), 'corrupt', /guest/)
  })
})

describe('image.json', () => {
  it('is read as strictly', async () => {
    const { format, platform, key, packages, images } = guestManifest()
    const built = { format, platform, key, ...images[0]!, packages }
    expect(parseBuiltImage(JSON.stringify(built))).toEqual(built)
    await refuses(later(parseBuiltImage, JSON.stringify({ ...built, surprise: 1 })), 'corrupt', /surprise/)
  })
})
