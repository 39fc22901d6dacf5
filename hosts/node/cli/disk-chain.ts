// Opens an image and what it backs on, by path. A header is not trusted to name files: a backing file is opened only
// under a plain name in the image's own directory, a regular file and no symbolic link, in the format that the header
// states. A format is never found out from bytes that a guest may have written, but for the image that the caller
// named, and then only to read it.

import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { formatByMagic } from '../../../src/disk/image-magic.ts'
import { readImageInfo, type ImageInfo } from '../../../src/disk/info.ts'
import { BoxLiteError } from '../../../src/error.ts'
import type { LayerFile } from '../../../src/host.ts'
import type { FileSystem } from '../../../src/store/file-system.ts'
import { createNodeFileSystem } from '../fs.ts'
import { fileCall } from '../file-call.ts'
import { refuseInsideHome } from './home-guard.ts'
import { usageError } from './usage-error.ts'

export type ImageFormat = 'qcow2' | 'raw'

/** The same limit as for the chain of a box. */
const CHAIN_LIMIT_LAYERS = 1000

/** An open image: what `Disk` takes as a layer. */
export interface OpenImage {
  readonly name: string
  readonly format: ImageFormat
  readonly file: LayerFile
}

export interface ImageOptions {
  /** What the caller says the format is; null: read its magic (`read`), or take it for qcow2 (`write`). */
  readonly format: ImageFormat | null
  readonly mode: 'read' | 'write'
}

/** Opens one image, runs `use` and closes it. Nothing else is opened. */
export async function withImage<T>(path: string, options: ImageOptions, use: (image: OpenImage) => Promise<T>): Promise<T> {
  return await withTop(path, options, use)
}

/** Like `withImage`, with the whole chain below the image; `backingFormat` stands in where a header states no format. */
export async function withChain<T>(
  path: string,
  options: ImageOptions & { readonly backingFormat: ImageFormat | null },
  use: (layers: readonly OpenImage[]) => Promise<T>,
): Promise<T> {
  return await withTop(path, options, async (top, files, name) => {
    const layers: OpenImage[] = [top]
    const seen = new Set([name])
    try {
      for (;;) {
        const upper = layers.at(-1)!
        const info = upper.format === 'qcow2' ? await readImageInfo(upper.file, upper.name) : null
        if (info === null || info.backing === null) return await use(layers)
        const lower = checkBacking(upper.name, info.backing, options.backingFormat)
        // Names decide: every cycle comes back to a name, whatever links there are.
        if (seen.has(lower.name)) throw refusal('corrupt', upper.name, lower.name, 'which is already part of the chain', circleRemedy)
        if (layers.length >= CHAIN_LIMIT_LAYERS) {
          throw refusal('limit', upper.name, lower.name, `in a chain of over ${CHAIN_LIMIT_LAYERS} images`, mergeRemedy)
        }
        seen.add(lower.name)
        layers.push({ ...lower, file: await openBacking(files, upper.name, lower.name) })
      }
    } finally {
      for (const { file } of layers.slice(1)) await file.close()
    }
  })
}

/** Opens the image that a person named, in the directory that it is in: symbolic links are followed here, and nowhere below. */
async function withTop<T>(
  path: string,
  { format, mode }: ImageOptions,
  use: (image: OpenImage, files: FileSystem, name: string) => Promise<T>,
): Promise<T> {
  const real = await fileCall('open', path, realpath(path))
  if (mode === 'write') await refuseInsideHome(dirname(real))
  const files = createNodeFileSystem(dirname(real))
  const file = await files.open(basename(real), mode)
  try {
    const known = format ?? (mode === 'write' ? 'qcow2' : await formatByMagic(file, path))
    return await use({ name: path, format: known, file }, files, basename(real))
  } finally {
    await file.close()
  }
}

/** `--format` and its like: one of the two formats, or null where it was not given. */
export function parseFormat(text: string | undefined, option: string, command: string): ImageFormat | null {
  if (text === undefined || text === 'qcow2' || text === 'raw') return text ?? null
  throw usageError(`${option} '${text}' is not known`, command, 'It is qcow2 or raw.')
}

const circleRemedy = 'Repair the chain: it runs in a circle.'
const mergeRemedy = "Shorten it with 'boxlite disk merge'."
const placeRemedy = "Put the backing file beside the image and name it plainly: 'boxlite disk repoint IMAGE NAME'."
const formatRemedy = 'Say what it is: --backing-format=qcow2 or --backing-format=raw.'

function checkBacking(image: string, backing: NonNullable<ImageInfo['backing']>, stated: ImageFormat | null): { name: string; format: ImageFormat } {
  const { name, kind, format } = backing
  if ((kind !== 'plain' && kind !== 'home') || name.includes('/')) {
    throw refusal('unsupported', image, name, 'which is not a plain name in the directory of the image', placeRemedy)
  }
  if (format === null && stated === null) {
    throw refusal('unsupported', image, name, 'and does not state its format, which is never guessed', formatRemedy)
  }
  const known = format ?? stated
  if (known !== 'qcow2' && known !== 'raw') {
    throw refusal('unsupported', image, name, `of the format '${known!}'`, 'Convert the backing file to qcow2 or raw first.')
  }
  return { name, format: known }
}

async function openBacking(files: FileSystem, image: string, name: string): Promise<LayerFile> {
  try {
    return await files.open(name, 'read')
  } catch (error) {
    if (!(error instanceof BoxLiteError)) throw error
    throw new BoxLiteError(error.code, `${image} backs on ${name}, which cannot be used. ${error.message}`, {
      ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
      facts: { ...error.facts, image, backing: name },
      cause: error,
    })
  }
}

function refusal(code: 'unsupported' | 'corrupt' | 'limit', image: string, name: string, why: string, remedy: string): BoxLiteError {
  return new BoxLiteError(code, `${image} backs on ${name}, ${why}`, { remedy, facts: { image, backing: name } })
}
