// The published runtime, @boxlite-ai/boxlite 0.10.0 of npm: installed into a temporary folder for the run alone. Its disk
// operations work on an imported archive without any machine; it syncs nothing. It brings a native addon: where that does
// not load, or npm cannot be reached, the reason is reported instead of numbers.

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { SnapshotStep } from './bare-snapshots.ts'
import { time, type SteppedSide } from './harness.ts'
import type { Scratch } from './scratch.ts'

export const publishedVersion = '0.10.0'

interface PublishedBox {
  readonly snapshot: { create(name: string): Promise<unknown>; restore(name: string): Promise<void>; remove(name: string): Promise<void> }
  cloneBox(options: null, name: string): Promise<{ readonly id: string }>
}

interface PublishedRuntime {
  importBox(archive: string, name: string): Promise<PublishedBox>
  remove(idOrName: string, force: boolean): Promise<void>
  close(): void
}

/** A side that has to be closed, or why it cannot be measured. */
export type Published = { readonly side: SteppedSide<SnapshotStep>; readonly close: () => void } | { readonly reason: string }

/** The published runtime on a copy of `image` (qcow2). */
export async function publishedSide(scratch: Scratch, image: string): Promise<Published> {
  try {
    await writeFile(scratch.path('package.json'), '{ "private": true }')
    await scratch.run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', `@boxlite-ai/boxlite@${publishedVersion}`)
    const entry = createRequire(scratch.path('package.json')).resolve('@boxlite-ai/boxlite')
    const { JsBoxlite } = (await import(pathToFileURL(entry).href)) as { JsBoxlite: new (options: { homeDir: string }) => PublishedRuntime }
    const runtime = new JsBoxlite({ homeDir: scratch.path('published-home') })
    const box = await runtime.importBox(await makeArchive(scratch, image), 'box')
    await box.snapshot.create('base')
    return { side: side(runtime, box), close: () => runtime.close() }
  } catch (error) {
    return { reason: error instanceof Error ? error.message.split('\n')[0]! : String(error) }
  }
}

function side(runtime: PublishedRuntime, box: PublishedBox): SteppedSide<SnapshotStep> {
  return {
    name: `@boxlite-ai/boxlite ${publishedVersion} (syncs nothing)`,
    async run(round) {
      const create = await time(() => box.snapshot.create(`s${round}`))
      const restore = await time(() => box.snapshot.restore('base'))
      const remove = await time(() => box.snapshot.remove(`s${round}`))
      const clone = await time(() => box.cloneBox(null, `clone${round}`))
      await runtime.remove(`clone${round}`, true)
      return { create, restore, remove, clone }
    },
  }
}

async function makeArchive(scratch: Scratch, image: string): Promise<string> {
  const digest = createHash('sha256')
    .update(await readFile(scratch.path(image)))
    .digest('hex')
  await scratch.run('cp', image, 'disk.qcow2')
  await writeFile(
    scratch.path('manifest.json'),
    JSON.stringify({
      version: 3,
      box_name: null,
      image: 'none',
      box_options: {},
      guest_disk_checksum: '',
      container_disk_checksum: `sha256:${digest}`,
      exported_at: new Date(0).toISOString(),
    }),
  )
  await scratch.run('tar', '-cf', 'box.boxlite', 'manifest.json', 'disk.qcow2')
  return scratch.path('box.boxlite')
}
