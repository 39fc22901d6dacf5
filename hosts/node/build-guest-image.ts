// Builds an image that the guest has a recipe for, with the builder that lies beside guest.json: Debian's packages, unpacked and put
// together in the cache. Nothing of the system changes; docs and the builder's own words say what it needs.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BoxLiteError } from '../../src/error.ts'
import { type GuestAssets, type GuestImageFile } from './guest-assets.ts'

export interface BuildImageOptions {
  /** Ends the build with `aborted`; what was downloaded stays in the cache, and the next build takes it from there. */
  readonly signal?: AbortSignal | undefined
  /** Gets each line that the builder says: a step and how long it is expected to take, or how far it is. */
  readonly onProgress?: (line: string) => void
}

/** How much of what the builder said goes into an error, in lines. */
const LAST_LINES = 12

/**
 * Builds the image unless it is there. Throws `not_found` for one without a recipe, `aborted`, and `engine_unavailable` when it cannot
 * be built on this machine, with the builder's reason.
 */
export async function buildGuestImage(assets: GuestAssets, reference: string, options: BuildImageOptions = {}): Promise<GuestImageFile> {
  const there = assets.image(reference)
  if (there !== null) return there
  const { recipes, images } = assets.manifest
  if (!recipes.some((recipe) => recipe.reference === reference)) {
    const names = [...images, ...recipes].map((one) => one.reference)
    throw new BoxLiteError('not_found', `There is no recipe for an image '${reference}'`, {
      remedy: `The images of this guest are: ${names.join(', ')}.`,
      facts: { reference, images: names },
    })
  }
  await runBuilder(assets, reference, options)
  const built = assets.image(reference)
  if (built !== null) return built
  throw new BoxLiteError('corrupt', `The builder in ${assets.directory} made another image than its guest.json names`, {
    remedy: "Build the guest anew with 'npm run guest', or install the package boxlite-guest-386 again.",
    facts: { reference },
  })
}

async function runBuilder(assets: GuestAssets, reference: string, { signal, onProgress }: BuildImageOptions): Promise<void> {
  const script = join(assets.directory, 'build/scripts/guest-image.mjs')
  const command = fileURLToPath(new URL('./cli/boxlite.js', import.meta.url))
  // The builder compresses with our command, which needs no other tool; run from sources there is none, and it looks for its own.
  const env = existsSync(command) ? { ...process.env, BOXLITE_CLI: command } : process.env
  // A group of its own, so that an abort reaches the tools that the builder runs.
  const child = spawn(process.execPath, [script, reference], { stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
  const last: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line)
      if (last.length > LAST_LINES) last.shift()
      onProgress?.(line.replace(/^guest: */, ''))
    })
  }
  const abort = (): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM')
  }
  signal?.addEventListener('abort', abort)
  if (signal?.aborted === true) abort()
  try {
    const code = await new Promise<number | null>((fulfil, reject) => child.once('error', reject).once('close', fulfil))
    if (signal?.aborted === true) throw new BoxLiteError('aborted', 'The build of the image was aborted', { cause: signal.reason })
    if (code !== 0) throw failed(reference, last)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

function failed(reference: string, lines: readonly string[]): BoxLiteError {
  const reason = lines.map((line) => line.replace(/^guest: */, '')).join('\n')
  return new BoxLiteError('engine_unavailable', `The image '${reference}' cannot be built here:\n${reason}`, {
    remedy: 'Images are built on Debian 12; elsewhere import one with `boxlite images import`.',
    facts: { reference },
  })
}
