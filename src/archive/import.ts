// Makes a box of an archive: one of ours, or a `.boxlite` file of the prior implementation (src/legacy/boxlite-archive.ts).
//
// The archive is read once, from front to back. Each layer is written aside as it comes, into an image of our own form; the
// record that makes the box exist is committed when everything, down to the last byte, has been checked. So a refused archive
// leaves no box, and whatever was written for it is garbage.

import type { Codec } from '../disk/codec.ts'
import { Core } from '../core/core.ts'
import { BoxLiteError, isBoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import { importBoxliteArchive } from '../legacy/boxlite-archive.ts'
import type { BoxCreate, NewLayer, Outcome } from '../operation/operation.ts'
import { perform, type PerformHost } from '../perform.ts'
import { DIGESTS_NAME, DigestList, layerMemberName, MANIFEST_NAME } from './archive-members.ts'
import { ByteReader } from './byte-reader.ts'
import { findBase } from './find-base.ts'
import { LayerChains } from './layer-chain.ts'
import { readLayerHeader, readLayerRuns } from './layer-stream.ts'
import { decodeManifest, isOwnManifest, type Manifest } from './manifest.ts'
import { newBoxOperation } from './new-box.ts'
import { readManifest, type ReadManifest, readSmall } from './small-members.ts'
import { type ArchiveOptions, ArchiveMeter } from './progress.ts'
import { Sha256 } from './sha256.ts'
import { damaged } from './tar-header.ts'
import { type TarMember, TarReader } from './tar-reader.ts'
import { plainOrZstd } from './zstd-source.ts'

export interface ImportOptions extends ArchiveOptions {
  /** Name of the new box; null for none. By default the archive's own. */
  readonly name?: string | null
  /** Gives new ids: 32 random lower-case hex digits each. */
  readonly newId: () => string
  /** When the box is made, in milliseconds since 1970: the `createdAt` of its configuration. */
  readonly nowMs: number
  readonly codec?: Codec
  /** How long the archive is, where that is known. */
  readonly totalBytes?: number | null
}

/**
 * Makes a box of the archive that `source` yields. `corrupt` for a damaged one, `unsupported` for a newer version,
 * `already_exists` where a box has the name, `not_found` where the archive's base is not in this home.
 */
export async function importBox(host: PerformHost, source: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<Outcome<BoxCreate>> {
  const iterator = source[Symbol.asyncIterator]()
  const progress = new ArchiveMeter(options)
  progress.begin('import', options.totalBytes ?? null)
  try {
    const tar = new TarReader(new ByteReader(await plainOrZstd(counted(iterator, progress))))
    const first = await firstMember(tar)
    const manifest = first.name === MANIFEST_NAME ? await readManifest(first) : null
    if (manifest === null || !isOwnManifest(manifest.document)) return await importBoxliteArchive(host, tar, { first, manifest, options })
    if (!first.plain) throw damaged('its manifest has a foreign header')
    return await new ArchiveImport(host, tar, options).run(manifest)
  } finally {
    await iterator.return?.()
  }
}

/** What is no archive at all is told by its first bytes: most often it is a disk image. */
async function firstMember(tar: TarReader): Promise<TarMember> {
  try {
    const first = await tar.next()
    if (first !== null) return first
    throw damaged('it is empty')
  } catch (error) {
    if (!isBoxLiteError(error, 'corrupt')) throw error
    const remedy = "Name a file that 'boxlite export' made. A disk image becomes a box with 'boxlite create --disk'."
    throw new BoxLiteError('corrupt', error.message, { remedy, facts: error.facts, cause: error })
  }
}

async function* counted(iterator: AsyncIterator<Uint8Array>, progress: ArchiveMeter): AsyncGenerator<Uint8Array, void, undefined> {
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    progress.advance(next.value.length)
    yield next.value
  }
}

class ArchiveImport {
  readonly #host: PerformHost
  readonly #tar: TarReader
  readonly #options: ImportOptions
  readonly #chains: LayerChains
  readonly #digests = new DigestList()

  constructor(host: PerformHost, tar: TarReader, options: ImportOptions) {
    this.#host = host
    this.#tar = tar
    this.#options = options
    this.#chains = new LayerChains(host.store, options.codec)
  }

  async run({ bytes, document }: ReadManifest): Promise<Outcome<BoxCreate>> {
    const core = await Core.create()
    const sha256 = await Sha256.create()
    const manifest = decodeManifest(core, bytes, document)
    sha256.update(bytes)
    this.#digests.add(MANIFEST_NAME, sha256.end())
    const outside = manifest.layers[0]?.sha256 ?? null
    const reading = { chains: this.#chains, sha256, progress: new ArchiveMeter(this.#options) }
    const base = outside === null ? null : await findBase(core, this.#host.store, manifest, reading)
    const { name = manifest.name, newId, nowMs } = this.#options
    const operation = newBoxOperation({ ...manifest, name, config: { ...manifest.config, createdAt: nowMs } }, base, newId)
    // The first layer that is in the archive.
    const offset = base === null ? 0 : 1
    const fill = async (index: number, layer: NewLayer, file: LayerFile): Promise<void> => {
      await this.#fill(manifest, index + offset, layer, file, sha256)
      if (index === operation.layers.length - 1) await this.#finish()
    }
    return perform(core, operation, { ...this.#host, signal: this.#options.signal, bulk: { ...this.#host.bulk, fill } })
  }

  async #fill(manifest: Manifest, index: number, layer: NewLayer, file: LayerFile, sha256: Sha256): Promise<void> {
    const sizeBytes = manifest.layers[index]?.virtualSizeBytes as number
    const member = await this.#expect(layerMemberName(index))
    const reader = new ByteReader(digested(member, sha256))
    if ((await readLayerHeader(reader)) !== BigInt(sizeBytes)) throw damaged(`${member.name} has another size than the manifest says`)
    await this.#chains.fillNew(layer, file, sizeBytes, (disk) => readLayerRuns(reader, disk))
    this.#digests.add(member.name, sha256.end())
  }

  /** Reads what follows the last layer, and proves that what was read is what was written. */
  async #finish(): Promise<void> {
    const wanted = this.#digests.bytes
    const found = await readSmall(await this.#expect(DIGESTS_NAME), wanted.length)
    const same = found.length === wanted.length && found.every((byte, at) => byte === wanted[at])
    if (!same) throw damaged('its content does not have the digests it names')
    if ((await this.#tar.next()) !== null) throw damaged('a member follows the last one')
    await this.#tar.end('none')
  }

  async #expect(name: string): Promise<TarMember> {
    const member = await this.#tar.next()
    if (member === null) throw damaged(`${name} is missing`)
    if (member.name !== name || !member.plain) throw damaged(`'${member.name}' stands where ${name} belongs`)
    return member
  }
}

async function* digested(member: TarMember, sha256: Sha256): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes } of member.pieces()) {
    sha256.update(bytes)
    yield bytes
  }
}
