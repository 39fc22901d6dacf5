// Imports a `.boxlite` archive of the prior implementation: a tar, plain or compressed, of `manifest.json` and the flat disk
// `disk.qcow2`, in either order, and in older ones `guest-rootfs.qcow2`, which is of no use here.
//
// The disk needs random access, so it is first written aside as a temporary file of the home, under the home's shared lock;
// once its digest is right it is copied, entry by entry through the strict reader, into a layer of our own form. Its own
// tables are not adopted: the prior implementation writes them in a way that `qemu-img check` objects to.

import { CLUSTER_BYTES } from '../archive/layer-runs.ts'
import { copyLayer } from '../archive/layer-copy.ts'
import { LayerChains } from '../archive/layer-chain.ts'
import type { ImportOptions } from '../archive/import.ts'
import { newBoxOperation } from '../archive/new-box.ts'
import { ArchiveMeter } from '../archive/progress.ts'
import { Sha256 } from '../archive/sha256.ts'
import { readManifest, type ReadManifest } from '../archive/small-members.ts'
import { damaged } from '../archive/tar-header.ts'
import type { TarMember, TarReader } from '../archive/tar-reader.ts'
import { Core } from '../core/core.ts'
import { Disk } from '../disk/disk.ts'
import { readImageInfo } from '../disk/info.ts'
import { BoxLiteError } from '../error.ts'
import type { Held, LayerFile } from '../host.ts'
import type { BoxCreate, NewLayer, Outcome } from '../operation/operation.ts'
import { type HeldLock, perform, type PerformHost } from '../perform.ts'
import { type BoxliteManifest, decodeBoxliteManifest } from './boxlite-manifest.ts'

const MANIFEST = 'manifest.json'
const DISK = 'disk.qcow2'
const GUEST_DISK = 'guest-rootfs.qcow2'

/** Imports the archive whose first member is `first`; where that was the manifest, it was read already. */
export async function importBoxliteArchive(
  host: PerformHost,
  tar: TarReader,
  start: { readonly first: TarMember; readonly manifest: ReadManifest | null; readonly options: ImportOptions },
): Promise<Outcome<BoxCreate>> {
  const home = await shareHome(host)
  const aside = `${start.options.newId()}.tmp`
  try {
    const manifest = await readMembers(host, tar, start, aside)
    const held = [...(host.held ?? []), home.lock]
    return await publish({ ...host, held }, manifest, aside, start.options)
  } finally {
    await host.store.remove('layers', aside)
    await home.own?.release()
  }
}

/** The home's shared lock: the caller's, or one taken here. */
async function shareHome(host: PerformHost): Promise<{ lock: HeldLock; own: Held | null }> {
  const scope = { kind: 'home', mode: 'shared' } as const
  const held = host.held?.find((lock) => lock.scope.kind === 'home')
  if (held !== undefined) return { lock: held, own: null }
  const own = await host.store.lock(scope)
  if (own === null) {
    throw new BoxLiteError('busy', 'the home is in use by another process or tab', { remedy: 'Try again when the other process or tab is done.' })
  }
  return { lock: { scope, held: own }, own }
}

/** Reads the whole archive: the manifest, and the disk into a file aside. Rejects where anything is missing, wrong or too much. */
async function readMembers(
  host: PerformHost,
  tar: TarReader,
  { first, manifest: early }: { readonly first: TarMember; readonly manifest: ReadManifest | null },
  aside: string,
): Promise<BoxliteManifest> {
  const sha256 = await Sha256.create()
  const digests = new Map<string, string>()
  let manifest = early
  for (let member: TarMember | null = early === null ? first : await tar.next(); member !== null; member = await tar.next()) {
    switch (member.name) {
      case MANIFEST:
        manifest = await readManifest(member)
        break
      case DISK:
        digests.set(DISK, await writeAside(host, aside, member, sha256))
        break
      case GUEST_DISK:
        digests.set(GUEST_DISK, await digestOf(member, sha256))
        break
      default:
        throw damaged(`'${member.name}' does not belong in it`, { name: member.name })
    }
  }
  await tar.end('zeros')
  if (manifest === null) throw damaged(`${MANIFEST} is missing`)
  const decoded = decodeBoxliteManifest(manifest.document)
  const disk = digests.get(DISK)
  if (disk === undefined) throw damaged(`${DISK} is missing`)
  if (decoded.diskSha256 !== null && decoded.diskSha256 !== disk) throw damaged(`${DISK} does not have the checksum its manifest names`)
  const guest = digests.get(GUEST_DISK)
  if (guest !== undefined && decoded.guestDiskSha256 !== null && decoded.guestDiskSha256 !== guest) {
    throw damaged(`${GUEST_DISK} does not have the checksum its manifest names`)
  }
  return decoded
}

async function writeAside(host: PerformHost, aside: string, member: TarMember, sha256: Sha256): Promise<string> {
  const file = await host.store.createLayer(aside)
  try {
    const digest = await digestOf(member, sha256, (bytes, offset) => file.write(bytes, offset))
    await file.truncate(member.sizeBytes)
    return digest
  } finally {
    await file.close()
  }
}

/** Reads a member to its end; its digest, holes read as zeros. */
async function digestOf(
  member: TarMember,
  sha256: Sha256,
  write: (bytes: Uint8Array, offset: number) => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  const zeros = new Uint8Array(CLUSTER_BYTES)
  let end = 0
  const skipTo = (offset: number): void => {
    for (; end < offset; end += Math.min(zeros.length, offset - end)) sha256.update(zeros.subarray(0, offset - end))
  }
  for await (const { offset, bytes } of member.pieces()) {
    skipTo(offset)
    sha256.update(bytes)
    await write(bytes, offset)
    end = offset + bytes.length
  }
  skipTo(member.sizeBytes)
  return sha256.end()
}

async function publish(host: PerformHost, manifest: BoxliteManifest, aside: string, options: ImportOptions): Promise<Outcome<BoxCreate>> {
  const source = await host.store.openLayer(aside, 'read')
  try {
    await checkFlat(source)
    const disk = await Disk.open([{ name: DISK, format: 'qcow2', file: source }], options.codec === undefined ? {} : { codec: options.codec })
    const progress = new ArchiveMeter(options)
    progress.begin('import', null)
    const chains = new LayerChains(host.store, options.codec)
    const fill = (_index: number, layer: NewLayer, file: LayerFile): Promise<void> =>
      chains.fillNew(layer, file, disk.sizeBytes, (target) => copyLayer({ disk, depth: 1, bottom: true, rawDepth: null }, target, progress))
    const box = { layers: [{ parent: null, virtualSizeBytes: disk.sizeBytes }], snapshots: [], live: { layer: 0, parent: null } }
    const { name = manifest.name, newId, nowMs } = options
    const operation = newBoxOperation({ ...box, name, config: { ...manifest.config, createdAt: nowMs } }, null, newId)
    const outcome = await perform(await Core.create(), operation, { ...host, signal: options.signal, bulk: { ...host.bulk, fill } })
    await disk.close()
    return outcome
  } finally {
    await source.close()
  }
}

/** Refuses an image that is not whole in itself. */
async function checkFlat(file: LayerFile): Promise<void> {
  const info = await readImageInfo(file, DISK)
  const wrong =
    info.backing !== null
      ? `backs on '${info.backing.name}'`
      : info.dirty
        ? 'was not closed'
        : info.corrupt
          ? 'is marked as corrupt'
          : info.bitmaps > 0
            ? 'has bitmaps'
            : info.virtualSizeBytes === 0
              ? 'is empty'
              : null
  if (wrong !== null) throw damaged(`${DISK} ${wrong}`)
}
