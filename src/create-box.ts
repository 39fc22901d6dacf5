// Makes boxes: judges what the caller wants, finds the bytes that the disk starts as, and has the core make the rest.

import { unlessAborted } from './aborted.ts'
import { checkOptionNames, settingsOf, type BoxSettings } from './box-settings.ts'
import { Box } from './box.ts'
import { openDiskSource, type DiskSource, type OpenSource } from './disk-source.ts'
import { BoxLiteError, isBoxLiteError } from './error.ts'
import type { HomeAccess } from './home-access.ts'
import type { HomeImage, ImageProgress, Images } from './images.ts'
import { checkCapabilities } from './machine/chosen-engine.ts'
import type { CallOptions } from './progress.ts'

/** How far the making of a box is: its disk is copied, after its image was built where that was not yet. */
export type CreateProgress = ImageProgress

export interface CreateOptions extends BoxSettings, CallOptions<CreateProgress> {
  /** Unique among the boxes of the home. A box needs none. */
  readonly name?: string
  /** What the disk starts as, instead of an image; it is copied. With neither the disk is empty. */
  readonly disk?: DiskSource
  /**
   * Size of the disk in GiB (2^30 bytes); not less than what it starts as. By default that of `disk`; otherwise 10, or the
   * image's own size where that is more.
   */
  readonly diskSizeGb?: number
}

const DEFAULT_GB = 10

/** Makes a box with a disk of its own. */
export async function createBox(home: HomeAccess, images: Images, options: CreateOptions): Promise<Box> {
  checkOptionNames(options, ['name', 'disk', 'diskSizeGb', 'signal', 'onProgress'])
  const settings = settingsOf(options)
  const { name, disk, diskSizeGb, signal, onProgress } = options
  if (disk !== undefined && settings.image !== undefined) {
    throw new BoxLiteError('invalid_argument', 'A disk starts as an image or as a copy of another disk, not both', {
      remedy: 'Leave out image or disk.',
    })
  }
  await unlessAborted(checkWanted(home, settings), signal)
  const { host } = home
  const boxId = host.newId()
  const image = settings.image === undefined ? null : await images.bring(settings.image, { signal, onProgress })
  const source = disk === undefined ? null : await openDiskSource(host, disk, signal)
  try {
    const base = `${host.newId()}.qcow2`
    const { record } = await home.run(
      {
        kind: 'box.create',
        boxId,
        name: name ?? null,
        config: { createdAt: host.nowMs(), ...settings },
        layers: source === null ? [] : [{ name: base, parent: null }],
        image: image?.digest ?? null,
        layerId: host.newId(),
        base: image !== null ? 'image' : source === null ? null : base,
        sizeBytes: diskSizeGb === undefined ? defaultBytes(source, image) : wholeSectors(diskSizeGb),
        snapshots: [],
        liveParent: null,
      },
      { signal, ...(source !== null && { bulk: { fill: (_index, _layer, file) => source.fill(file, { signal, onProgress }) } }) },
    )
    home.names.note(boxId, record.name)
    return new Box(home, record)
  } finally {
    await source?.close()
  }
}

/** Refuses at once what the engine of this machine cannot give. A home without an engine may still keep such a box. */
async function checkWanted(home: HomeAccess, { cpus, memoryMib, detach }: BoxSettings): Promise<void> {
  if (cpus === undefined && memoryMib === undefined && detach !== true) return
  try {
    checkCapabilities(await home.engine(), { ...(cpus && { cpus }), ...(memoryMib && { memoryMib }), ...(detach && { detach }) })
  } catch (error) {
    if (!isBoxLiteError(error, 'engine_unavailable')) throw error
  }
}

/** Null: as large as what it starts as. */
function defaultBytes(disk: OpenSource | null, image: HomeImage | null): number | null {
  if (disk !== null) return null
  return Math.max(image?.virtualSizeBytes ?? 0, DEFAULT_GB * 2 ** 30)
}

function wholeSectors(sizeGb: number): number {
  const bytes = sizeGb * 2 ** 30
  if (Number.isSafeInteger(bytes) && bytes > 0 && bytes % 512 === 0) return bytes
  throw new BoxLiteError('invalid_argument', `A disk of ${sizeGb} GiB is not one or more whole sectors of 512 bytes`, {
    remedy: 'Give the size of the disk in GiB, such as 10 or 0.5.',
    facts: { diskSizeGb: sizeGb },
  })
}
