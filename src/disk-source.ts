// Where a new box's disk comes from, and how it becomes a layer. The bytes are read and written anew in our own form:
// a foreign image is never adopted, and what it does not show to a guest does not come in.

import type { BoxHost } from './box-host.ts'
import { Disk } from './disk/disk.ts'
import { checkImage, isSound } from './disk/check.ts'
import { strictCodec } from './disk/codec.ts'
import { convertToImage } from './disk/convert.ts'
import { formatByMagic } from './disk/image-magic.ts'
import { readImageInfo } from './disk/info.ts'
import { BoxLiteError } from './error.ts'
import type { LayerFile } from './host.ts'
import type { CallOptions } from './progress.ts'

/** How far the copy of a disk is. */
export interface CopyProgress {
  readonly stage: 'copy'
  readonly doneBytes: number
  readonly totalBytes: number
}

export type CopyOptions = CallOptions<CopyProgress>

export type DiskFormat = 'qcow2' | 'raw'

/** An image to copy from: a file of this machine by path, or anything that reads like one. */
export type DiskSource = (
  | { readonly path: string }
  | { readonly file: Pick<LayerFile, 'read' | 'size'> }
) & {
  /** By default the first bytes decide, now and never again. A guest can have written those of a raw disk: say `raw` when you know it. */
  readonly format?: DiskFormat
}

/** An image that is open to be copied. */
export interface OpenSource {
  readonly sizeBytes: number
  /** Writes the disk into the new layer `file`, which is empty. Does not sync. */
  fill(file: LayerFile, options: CopyOptions): Promise<void>
  close(): Promise<void>
}

/** Opens an image under the strict policy: it names no other file, and its header is whole. */
export async function openDiskSource(host: BoxHost, source: DiskSource, signal?: AbortSignal): Promise<OpenSource> {
  const file = 'file' in source ? readOnly(source.file) : await openPath(host, source.path)
  try {
    const name = 'path' in source ? source.path : 'the disk'
    const format = source.format ?? (await formatByMagic(file, name))
    if (format === 'qcow2') await checkImportable(file, name, signal)
    const disk = await Disk.open([{ name, format, file }], { codec: strictCodec(host.codec) })
    return {
      sizeBytes: disk.sizeBytes,
      fill(target, { signal: ends, onProgress }) {
        const totalBytes = disk.sizeBytes
        return convertToImage(disk, target, {
          signal: ends,
          onProgress: (done) => onProgress?.({ stage: 'copy', doneBytes: Math.round(done * totalBytes), totalBytes }),
        })
      },
      async close() {
        await disk.close()
        await file.close()
      },
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function openPath(host: BoxHost, path: string): Promise<LayerFile> {
  if (host.openFile !== undefined) return host.openFile(path)
  throw new BoxLiteError('unsupported', 'There are no files by path here', { remedy: 'Give the disk as a file object.', facts: { path } })
}

async function checkImportable(file: LayerFile, name: string, signal?: AbortSignal): Promise<void> {
  const { backing, dirty, corrupt, bitmaps } = await readImageInfo(file, name)
  if (backing !== null) {
    throw new BoxLiteError('unsupported', `${name} backs on another file, '${backing.name}'`, {
      remedy: "Make one image of the chain with 'boxlite disk convert', then import that.",
      facts: { field: 'backing_file', backing: backing.name },
    })
  }
  if (dirty || corrupt) {
    throw new BoxLiteError('corrupt', `${name} is marked as ${corrupt ? 'corrupt' : 'not closed'}`, {
      remedy: "Repair it with 'qemu-img check -r all', then import it.",
      facts: { field: 'incompatible_features' },
    })
  }
  if (bitmaps > 0) {
    throw new BoxLiteError('unsupported', `${name} carries bitmaps of changed blocks, which would be lost`, {
      remedy: "Remove them with 'qemu-img bitmap --remove', then import it.",
      facts: { field: 'bitmaps' },
    })
  }
  const report = await checkImage(file, { image: name, signal })
  if (!isSound(report)) {
    throw new BoxLiteError('corrupt', `${name} is damaged: ${report.findings[0] ?? 'its tables contradict each other'}`, {
      remedy: "See 'boxlite disk check'; repair it with 'qemu-img check -r all', then import it.",
      facts: { corruptions: report.corruptions, findings: report.findings },
    })
  }
}

function readOnly(file: Pick<LayerFile, 'read' | 'size'>): LayerFile {
  const refuse = (): Promise<never> => Promise.reject(new BoxLiteError('invalid_state', 'A disk that is imported is not written'))
  return {
    read: (target, offset) => file.read(target, offset),
    size: () => file.size(),
    write: refuse,
    truncate: refuse,
    sync: refuse,
    // The caller's file stays open: it is the caller's.
    async close() {},
  }
}
