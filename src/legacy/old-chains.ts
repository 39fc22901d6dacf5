// The disks of a home of the prior implementation and what they stand on. Its headers name absolute paths of the machine they
// were written on. Only their last components are used, and only where they say one of three places of this home:
//
//   .../snapshots/<name>/disk.qcow2    of the box itself
//   .../bases/<file>
//   .../images/disk-images/<file>
//
// Anything else is refused; no link is followed, and nothing outside the home is opened.

import { chainNames, type Chains, type LayerFacts, OpenChain } from '../archive/layer-chain.ts'
import type { Codec } from '../disk/codec.ts'
import { Disk, type Layer } from '../disk/disk.ts'
import { type ImageBacking, readImageInfo } from '../disk/info.ts'
import { BoxLiteError } from '../error.ts'
import type { LayerFile } from '../host.ts'
import type { OldFiles } from './old-files.ts'

/** The disks of one box, and those that they stand on, by path. */
export class OldChains implements Chains {
  readonly #files: OldFiles
  readonly #boxId: string
  readonly #codec: Codec | undefined
  readonly #facts = new Map<string, LayerFacts>()

  constructor(files: OldFiles, boxId: string, codec?: Codec) {
    this.#files = files
    this.#boxId = boxId
    this.#codec = codec
  }

  names(top: string, most?: number): Promise<readonly string[]> {
    return chainNames(this, top, most)
  }

  async facts(path: string): Promise<LayerFacts> {
    const known = this.#facts.get(path)
    if (known !== undefined) return known
    const file = await this.#files.open(path, 'read')
    try {
      const facts = await this.#readFacts(path, file)
      this.#facts.set(path, facts)
      return facts
    } finally {
      await file.close()
    }
  }

  async open(top: string): Promise<OpenChain> {
    const files: LayerFile[] = []
    try {
      const layers: Layer[] = []
      for (const path of await this.names(top)) {
        const file = await this.#files.open(path, 'read')
        files.push(file)
        layers.push({ name: path, format: (await this.facts(path)).format, file, isFollowed: true })
      }
      return new OpenChain(await Disk.open(layers, this.#codec === undefined ? {} : { codec: this.#codec }), files)
    } catch (error) {
      for (const file of files) await file.close()
      throw error
    }
  }

  async #readFacts(path: string, file: LayerFile): Promise<LayerFacts> {
    if (formatOf(path) === 'raw') return { format: 'raw', virtualSizeBytes: await file.size(), below: null, ownForm: false }
    const { virtualSizeBytes, backing, ownForm } = await readImageInfo(file, path)
    return { format: 'qcow2', virtualSizeBytes, below: backing === null ? null : await this.#follow(path, backing), ownForm }
  }

  async #follow(path: string, backing: ImageBacking): Promise<string> {
    const parts = backing.name.split('/')
    const [place, folder, file] = parts.slice(-3)
    const below =
      place === 'snapshots' && file === 'disk.qcow2'
        ? ['boxes', this.#boxId, 'snapshots', folder, file]
        : place === 'images' && folder === 'disk-images'
          ? ['images', 'disk-images', file]
          : parts.at(-2) === 'bases'
            ? ['bases', parts.at(-1)]
            : []
    if (below.length === 0 || below.some((part) => part === undefined || part === '' || part === '.' || part === '..')) {
      throw new BoxLiteError('unsupported', `${path} stands on '${backing.name}', which is no place of this home`, {
        facts: { path, backing: backing.name },
      })
    }
    const found = below.join('/')
    for (let depth = 1; depth < below.length; depth++) await this.#expect(below.slice(0, depth).join('/'), 'directory', backing)
    await this.#expect(found, 'file', backing)
    // A header of the prior implementation may state no format; then the place it keeps such files in says it.
    if (backing.format !== null && backing.format !== formatOf(found)) {
      throw new BoxLiteError('corrupt', `${path} says that ${found} is ${backing.format}`, {
        facts: { path, backing: found, format: backing.format },
      })
    }
    return found
  }

  async #expect(path: string, kind: 'file' | 'directory', backing: ImageBacking): Promise<void> {
    if ((await this.#files.kind(path)) === kind) return
    throw new BoxLiteError('corrupt', `the old home has no ${kind} ${path}`, { facts: { path, backing: backing.name } })
  }
}

/** The format of a file of an old home, which its name states. It is never probed. */
function formatOf(path: string): 'qcow2' | 'raw' {
  return path.endsWith('.qcow2') ? 'qcow2' : 'raw'
}
