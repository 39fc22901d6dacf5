// Writes a box, or one snapshot of it, as an archive: a read-only walk of its chains.
//
//   box lock - recover - home lock, shared - measure every layer - manifest - layers - digests
//
// Every size is known from metadata before the first byte goes out; nothing but a chunk of a layer is held in memory.

import type { Codec } from '../disk/codec.ts'
import { Core } from '../core/core.ts'
import { BoxLiteError } from '../error.ts'
import type { Held } from '../host.ts'
import type { BoxRecord } from '../operation/record.ts'
import { perform, type PerformHost } from '../perform.ts'
import { DIGESTS_NAME, DigestList, layerMemberName, MANIFEST_NAME } from './archive-members.ts'
import { type ArchivePlan, findSnapshot, planArchive, type PlannedLayer, spanOf } from './archive-plan.ts'
import { LayerChains } from './layer-chain.ts'
import { measureLayerStream, writeLayerStream } from './layer-stream.ts'
import { encodeManifest } from './manifest.ts'
import { type ArchiveOptions, ArchiveMeter } from './progress.ts'
import { Sha256 } from './sha256.ts'
import { type TarInput, writeTar } from './tar-writer.ts'

export interface ExportOptions extends ArchiveOptions {
  /** Id or name of the one snapshot to export; by default the box with all of them. */
  readonly snapshot?: string
  /** Leaves the base out and names it by digest; the home that imports the archive needs an image with that base. */
  readonly withoutBase?: boolean
  readonly codec?: Codec
}

/**
 * The bytes of an archive of box `boxId`. Holds the box (so `busy` while someone else does; `invalid_state` while it runs) and
 * keeps the home from being collected until the stream has ended or was left.
 */
export async function* exportBox(
  host: PerformHost,
  boxId: string,
  options: ExportOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const locks: Held[] = []
  try {
    yield* exportRecord(host, await takeBox(host, boxId, locks), options)
  } finally {
    for (const lock of locks.toReversed()) await lock.release()
  }
}

/** The bytes of an archive of the box that `record` describes. The caller sees to it that its layers stay and do not change. */
export async function* exportRecord(
  host: PerformHost,
  record: BoxRecord,
  options: ExportOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const only = options.snapshot === undefined ? null : findSnapshot(record, options.snapshot)
  const chains = new LayerChains(host.store, options.codec)
  const plan = await planArchive(chains, record, { only, baseApart: options.withoutBase === true })
  yield* writeTar(members(chains, record, plan, options))
}

/** Locks the box, settles what it was in the middle of, and shares the home. */
async function takeBox(host: PerformHost, boxId: string, locks: Held[]): Promise<BoxRecord> {
  const scope = { kind: 'box', id: boxId } as const
  const mine = host.held?.find((lock) => lock.scope.kind === 'box' && lock.scope.id === boxId)
  const held = mine?.held ?? (await take(host.store.lock(scope), `box '${boxId}' is in use by another process or tab`, locks))
  const outcome = await perform(await Core.create(), { kind: 'recover', boxId }, { ...host, held: [...(host.held ?? []), { scope, held }] })
  if (outcome.record.machine !== null) {
    throw new BoxLiteError('invalid_state', 'Cannot export box while it is running. Stop the box first.', {
      remedy: 'Stop the box, or clone it and export the clone.',
      facts: { boxId },
    })
  }
  await take(host.store.lock({ kind: 'home', mode: 'shared' }), 'the home is in use by another process or tab', locks)
  return outcome.record
}

async function take(locking: Promise<Held | null>, busy: string, locks: Held[]): Promise<Held> {
  const held = await locking
  if (held === null) throw new BoxLiteError('busy', busy, { remedy: 'Try again when the other process or tab is done.' })
  locks.push(held)
  return held
}

async function* members(
  chains: LayerChains,
  record: BoxRecord,
  plan: ArchivePlan,
  options: ExportOptions,
): AsyncGenerator<TarInput, void, undefined> {
  const progress = new ArchiveMeter(options)
  const sha256 = await Sha256.create()
  const digests = new DigestList()
  progress.begin('measure', null)
  const base = options.withoutBase === true ? await digestOfBase(chains, plan, sha256, progress) : null
  const sizes: number[] = []
  for (const [index, layer] of plan.layers.entries()) {
    sizes.push(index === 0 && base !== null ? 0 : await measure(chains, layer))
    progress.advance(0)
  }
  progress.begin('export', sizes.reduce((sum, size) => sum + size, 0))
  const manifest = encodeManifest({
    name: record.name,
    config: record.config,
    layers: plan.layers.map(({ parent, virtualSizeBytes }, index) => ({ parent, virtualSizeBytes, sha256: index === 0 ? base : null })),
    snapshots: plan.snapshots,
    live: plan.live,
  })
  sha256.update(manifest)
  digests.add(MANIFEST_NAME, sha256.end())
  yield { name: MANIFEST_NAME, sizeBytes: manifest.length, body: one(manifest) }
  for (const [index, layer] of plan.layers.entries()) {
    if (index === 0 && base !== null) continue
    const name = layerMemberName(index)
    yield { name, sizeBytes: sizes[index] as number, body: layerBody(chains, layer, sha256, progress) }
    digests.add(name, sha256.end())
  }
  yield { name: DIGESTS_NAME, sizeBytes: digests.bytes.length, body: one(digests.bytes) }
}

async function* layerBody(
  chains: LayerChains,
  layer: PlannedLayer,
  sha256: Sha256,
  progress: ArchiveMeter,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chain = await chains.open(layer.top, layer.depth)
  try {
    for await (const chunk of writeLayerStream(await spanOf(chains, layer, chain.disk))) {
      progress.advance(chunk.length)
      sha256.update(chunk)
      yield chunk
    }
  } finally {
    await chain.close()
  }
}

async function digestOfBase(chains: LayerChains, plan: ArchivePlan, sha256: Sha256, progress: ArchiveMeter): Promise<string> {
  const base = plan.layers[0] as PlannedLayer
  const isOwn = plan.live.layer === 0 || plan.snapshots.some(({ layer }) => layer === 0)
  if (isOwn || plan.layers.some(({ parent }, index) => index > 0 && parent === null)) {
    throw new BoxLiteError('unsupported', 'the box does not stand on a base that is not its own', { remedy: 'Export it with its base.' })
  }
  return digestOfLayer(chains, base, sha256, progress)
}

/** SHA-256 of the stream that a layer has, or would have, in an archive. */
export async function digestOfLayer(chains: LayerChains, layer: PlannedLayer, sha256: Sha256, progress: ArchiveMeter): Promise<string> {
  for await (const chunk of layerBody(chains, layer, sha256, progress)) void chunk
  return sha256.end()
}

async function measure(chains: LayerChains, layer: PlannedLayer): Promise<number> {
  const chain = await chains.open(layer.top, layer.depth)
  try {
    return await measureLayerStream(await spanOf(chains, layer, chain.disk))
  } finally {
    await chain.close()
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
