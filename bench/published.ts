// The published runtime, @boxlite-ai/boxlite 0.10.0 of npm: installed into a temporary folder for the run alone. Its disk
// operations work on an imported archive without any machine; it syncs nothing. Its boxes run on KVM alone. It brings a native addon: where that does
// not load, or npm cannot be reached, the reason is reported instead of numbers.

import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { SnapshotStep } from './bare-snapshots.ts'
import { time, type SteppedSide } from './harness.ts'
import type { Scratch } from './scratch.ts'

export const publishedVersion = '0.10.0'

interface PublishedBox {
  start(): Promise<void>
  exec(command: string, args: readonly string[]): Promise<{ wait(): Promise<{ readonly exitCode: number }> }>
  readonly snapshot: { create(name: string): Promise<unknown>; restore(name: string): Promise<void>; remove(name: string): Promise<void> }
  cloneBox(options: null, name: string): Promise<{ readonly id: string }>
}

interface PublishedRuntime {
  importBox(archive: string, name: string): Promise<PublishedBox>
  create(options: { readonly rootfsPath: string; readonly memoryMib: number }, name: string): Promise<PublishedBox>
  remove(idOrName: string, force: boolean): Promise<void>
  close(): void
}

/** A side that has to be closed, or why it cannot be measured. */
export type Published = { readonly side: SteppedSide<SnapshotStep>; readonly close: () => void } | { readonly reason: string }

/** The published runtime on a copy of `image` (qcow2). */
export async function publishedSide(scratch: Scratch, image: string): Promise<Published> {
  try {
    const runtime = await installed(scratch)
    const box = await runtime.importBox(await makeArchive(scratch, image), 'box')
    await box.snapshot.create('base')
    return { side: side(runtime, box), close: () => runtime.close() }
  } catch (error) {
    return { reason: firstLine(error) }
  }
}

/** What one try to start a box and run `true` in it came to. */
export interface PublishedStart {
  readonly tookMs: number
  /** Why it failed after that time; null where it worked. */
  readonly failure: string | null
}

/** The published runtime starts a box from an image of one program; or why there is nothing to measure. */
export async function publishedStart(scratch: Scratch, memoryMib: number): Promise<PublishedStart | { readonly reason: string }> {
  let runtime: PublishedRuntime
  let box: PublishedBox
  try {
    runtime = await installed(scratch)
    box = await runtime.create({ rootfsPath: await makeRootfs(scratch), memoryMib }, 'start')
  } catch (error) {
    return { reason: firstLine(error) }
  }
  const start = performance.now()
  try {
    await box.start()
    const { exitCode } = await (await box.exec('/bin/true', [])).wait()
    return { tookMs: performance.now() - start, failure: exitCode === 0 ? null : `true exited with ${exitCode}` }
  } catch (error) {
    return { tookMs: performance.now() - start, failure: firstLine(error) }
  } finally {
    await runtime.remove('start', true)
    runtime.close()
  }
}

async function installed(scratch: Scratch): Promise<PublishedRuntime> {
  await writeFile(scratch.path('package.json'), '{ "private": true }')
  await scratch.run('npm', 'install', '--no-audit', '--no-fund', '--loglevel=error', `@boxlite-ai/boxlite@${publishedVersion}`)
  const entry = createRequire(scratch.path('package.json')).resolve('@boxlite-ai/boxlite')
  const { JsBoxlite } = (await import(pathToFileURL(entry).href)) as { JsBoxlite: new (options: { homeDir: string }) => PublishedRuntime }
  return new JsBoxlite({ homeDir: scratch.path('published-home') })
}

function firstLine(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error)
}

/** An OCI layout with nothing but /bin/true, so that no registry is asked. */
async function makeRootfs(scratch: Scratch): Promise<string> {
  const layout = scratch.path('rootfs')
  await mkdir(`${layout}/blobs/sha256`, { recursive: true })
  await mkdir(scratch.path('root/bin'), { recursive: true })
  await writeFile(scratch.path('true.c'), 'int main(void) { return 0; }\n')
  await scratch.run('gcc', '-static', '-s', '-o', 'root/bin/true', 'true.c')
  await scratch.run('tar', '-C', 'root', '-cf', 'layer.tar', 'bin')
  const blob = async (type: string, bytes: Uint8Array): Promise<object> => {
    const digest = createHash('sha256').update(bytes).digest('hex')
    await writeFile(`${layout}/blobs/sha256/${digest}`, bytes)
    return { mediaType: `application/vnd.oci.image.${type}`, digest: `sha256:${digest}`, size: bytes.length }
  }
  const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
  const platform = { architecture: 'amd64', os: 'linux' }
  const tar = await readFile(scratch.path('layer.tar'))
  const layer = await blob('layer.v1.tar', tar)
  const diffId = `sha256:${createHash('sha256').update(tar).digest('hex')}`
  const config = await blob('config.v1+json', json({ ...platform, config: { Cmd: ['/bin/true'] }, rootfs: { type: 'layers', diff_ids: [diffId] } }))
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = await blob('manifest.v1+json', json({ schemaVersion: 2, mediaType, config, layers: [layer] }))
  await writeFile(`${layout}/oci-layout`, json({ imageLayoutVersion: '1.0.0' }))
  await writeFile(`${layout}/index.json`, json({ schemaVersion: 2, manifests: [{ ...manifest, platform }] }))
  return layout
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
