// The snapshot algorithm of the prior implementation, transcribed step by step so that the crash
// checker can be checked: it must fail here. `create`: marker, rename, child in place, row, marker gone.
// `recover`: recover_pending_snapshot, line by line. Nothing is synced, as nothing is there; errors that it
// ignores are ignored here. Its database is given the best of behaviours: a row is durable at once.

import type { FileSystem } from '../../src/store/file-system.ts'
import { DISK_PAGES } from './run.ts'
import { emptyOverlay, type Segment } from './image-builder.ts'

const HOME = '/home/of/the/test/'
export const BOX = 'boxes/b'
export const DISK = `${BOX}/disks/disk.qcow2`
export const MARKER = `${BOX}/.snapshot_pending`
/** A row of the snapshot table is a file here, synced when it is made. */
export const ROWS = 'rows'

const snapshotDirectory = (name: string): string => `${BOX}/snapshots/${name}`
const absolute = (path: string): string => HOME + path
const relative = (path: string): string => path.slice(HOME.length)

/** What recovery may ask of the machine: nothing. What create does around the capture: `quiesce`, `thaw`. */
export interface SeedMachine {
  quiesce(): void
  thaw(): void
}

export async function seedCreate(files: FileSystem, name: string, machine?: SeedMachine): Promise<void> {
  if ((await files.kind(`${ROWS}/${name}`)) !== null) throw new Error(`snapshot '${name}' already exists for box 'b'`)
  const directory = snapshotDirectory(name)
  await writeInPlace(files, MARKER, [text(JSON.stringify({ snapshot_dir: absolute(directory), container_disk: absolute(DISK) }))])
  let failure: unknown
  try {
    machine?.quiesce()
    await moveAndCover(files, name, directory)
    machine?.thaw()
  } catch (error) {
    failure = error
  }
  await ignore(files.unlink(MARKER))
  if (failure !== undefined) throw failure
}

/** The manager's part: the live disk becomes the snapshot's, and a child of it the live disk. */
async function moveAndCover(files: FileSystem, name: string, directory: string): Promise<void> {
  if ((await files.kind(directory)) === null) await files.makeDirectory(directory)
  await files.rename(DISK, `${directory}/disk.qcow2`)
  await writeInPlace(files, DISK, emptyOverlay(DISK_PAGES * 4096, absolute(`${directory}/disk.qcow2`)))
  await (await files.open(`${ROWS}/${name}`, 'create')).close()
  await files.syncDirectory(ROWS)
}

/** Restore: the live disk goes first, then a new child is made. */
export async function seedRestore(files: FileSystem, name: string): Promise<void> {
  await ignore(files.unlink(DISK))
  await writeInPlace(files, DISK, emptyOverlay(DISK_PAGES * 4096, absolute(`${snapshotDirectory(name)}/disk.qcow2`)))
}

export async function seedRecover(files: FileSystem): Promise<void> {
  if (!(await exists(files, MARKER))) return
  let marker: { snapshot_dir?: string; container_disk?: string }
  try {
    marker = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode((await files.readFile(MARKER, 1 << 20)) ?? undefined)) as typeof marker
  } catch {
    await ignore(files.unlink(MARKER))
    return
  }
  if (typeof marker.container_disk === 'string' && typeof marker.snapshot_dir === 'string') {
    await recoverDisk(files, relative(marker.container_disk), relative(marker.snapshot_dir))
  }
  await ignore(files.unlink(MARKER))
}

async function recoverDisk(files: FileSystem, disk: string, directory: string): Promise<void> {
  const snapshotDisk = `${directory}/disk.qcow2`
  const hasDisk = await exists(files, disk)
  const hasSnapshot = await exists(files, snapshotDisk)
  if (!hasDisk && hasSnapshot) {
    await ignore(files.rename(snapshotDisk, disk))
    await removeAll(files, directory)
  } else if (!hasDisk && !hasSnapshot) {
    await removeAll(files, directory)
  }
  // Both there: the backing name is compared, and both are kept whatever it says.
}

/** Path::exists: whatever cannot be looked at is "not there". */
async function exists(files: FileSystem, path: string): Promise<boolean> {
  try {
    return (await files.kind(path)) !== null
  } catch {
    return false
  }
}

async function removeAll(files: FileSystem, directory: string): Promise<void> {
  await ignore(
    (async () => {
      for (const name of await files.list(directory)) await files.unlink(`${directory}/${name}`)
      await files.removeDirectory(directory)
    })(),
  )
}

/** fs::write: what is there is emptied, then written in place. */
async function writeInPlace(files: FileSystem, path: string, segments: readonly Segment[]): Promise<void> {
  const file = await files.open(path, (await files.kind(path)) === null ? 'create' : 'write')
  await file.truncate(0)
  for (const segment of segments) await file.write(segment.bytes, segment.offset)
  await file.close()
}

/** `let _ = ...`: the transcribed code does not look at the error. */
async function ignore(work: Promise<unknown>): Promise<void> {
  await work.catch(() => undefined)
}

function text(content: string): Segment {
  return { offset: 0, bytes: new TextEncoder().encode(content) }
}
