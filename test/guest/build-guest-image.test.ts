// Building an image through the guest that has a recipe for it, over a repository of this machine.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { buildGuestImage } from '../../hosts/node/build-guest-image.ts'
import { findGuest, type GuestAssets } from '../../hosts/node/guest-assets.ts'
// @ts-expect-error: a script, which has no types.
import { readRecipe } from '../../scripts/guest-image.mjs'
import { refuses } from '../store/refuses.ts'
import { guestManifest, writeGuest } from './make-guest.ts'
import { makeRepository, toolPath, whyNoBuild } from './package-repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''
let guest: GuestAssets
beforeEach(async (context) => {
  const why = whyNoBuild()
  if (why !== null) context.skip(why)
  folder = mkdtempSync(join(tmpdir(), 'boxlite-build-guest-image-'))
  const { key } = readRecipe('base') as { key: string }
  // A guest that has no image yet, only the recipe; laid out as in its package.
  const directory = writeGuest(join(folder, 'guest'), guestManifest({ images: [], recipes: [{ reference: 'base', key }] }))
  for (const part of ['guest/images', 'scripts']) cpSync(join(root, part), join(directory, 'build', part), { recursive: true })
  vi.stubEnv('PATH', toolPath)
  vi.stubEnv('BOXLITE_GUEST_CACHE', join(folder, 'cache'))
  vi.stubEnv('BOXLITE_CLI', join(root, 'dist/hosts/node/cli/boxlite.js'))
  guest = await findGuest({ directory })
})
afterEach(() => {
  vi.unstubAllEnvs()
  if (folder !== '') rmSync(folder, { recursive: true })
})

/** The packages that apt sees. */
function offer(name: string): void {
  const place = join(folder, 'packages')
  mkdirSync(place)
  vi.stubEnv('APT_CONFIG', makeRepository(place, [{ name, version: '1', files: { 'bin/busybox': 'busybox' } }]))
}

describe('an image with a recipe', () => {
  it('is built on first use, with its steps told, and found from then on', async () => {
    offer('busybox-static')
    const lines: string[] = []
    const image = await buildGuestImage(guest, 'base', { onProgress: (line) => lines.push(line) })
    expect(lines).toContainEqual(expect.stringMatching(/^making the image 'base' \(about \d+ s/))
    expect(readFileSync(image.path).length).toBe(image.bytes)
    expect(guest.image('base')).toEqual(image)
    lines.length = 0
    expect(await buildGuestImage(guest, 'base', { onProgress: (line) => lines.push(line) })).toEqual(image)
    expect(lines).toEqual([])
  })

  it('that cannot be built is refused with the builder’s reason', async () => {
    offer('something-else')
    await refuses(buildGuestImage(guest, 'base'), 'engine_unavailable', /Unable to locate package busybox-static/)
  })

  it('is not there after an abort, and no builder is left at work', async () => {
    offer('busybox-static')
    const control = new AbortController()
    const onProgress = (line: string): void => {
      if (line.startsWith('making the image')) control.abort()
    }
    await refuses(buildGuestImage(guest, 'base', { signal: control.signal, onProgress }), 'aborted', /aborted/)
    expect(guest.image('base')).toBeNull()
    // A builder that still ran would hold the lock of the cache, and this one would wait for it forever.
    expect((await buildGuestImage(guest, 'base')).reference).toBe('base')
  })
})

describe('an image without a recipe', () => {
  it('is not found, and the names that are known are told', async () => {
    const error = await refuses(buildGuestImage(guest, 'ruby'), 'not_found', /no recipe for an image 'ruby'/)
    expect(error.remedy).toContain('base')
  })
})
