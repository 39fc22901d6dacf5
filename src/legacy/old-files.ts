// The file system of a home of the prior implementation, and where its disks are.

import type { FileSystem } from '../store/file-system.ts'

/** A file system that may also tell times. */
export interface OldFiles extends FileSystem {
  /** When a file was last written to, in milliseconds since 1970. Where it is absent, no file is newer than another. */
  modifiedMs?(path: string): Promise<number>
  /** What tells a file from any other, under whatever name. Where it is absent, files are not known to have two names. */
  identity?(path: string): Promise<string>
  /** Gives a file a second name, or, where files cannot have two, renames it. `already_exists` when the name is taken. */
  link?(from: string, to: string): Promise<void>
}

/** A disk of an old home. */
export interface OldDiskFile {
  readonly path: string
  readonly modifiedMs: number
  readonly identity: string
}

const SUFFIX = '.qcow2'

/** Every qcow2 file that is a disk, a snapshot's disk or a base of the home. Symbolic links are not followed, nor listed. */
export async function listOldDisks(files: OldFiles): Promise<OldDiskFile[]> {
  const folders = ['bases']
  for (const box of await directories(files, 'boxes')) {
    folders.push(`${box}/disks`)
    folders.push(...(await directories(files, `${box}/snapshots`)))
  }
  const disks: OldDiskFile[] = []
  for (const folder of folders) {
    for (const path of await entries(files, folder)) {
      if (!path.endsWith(SUFFIX) || (await files.kind(path)) !== 'file') continue
      disks.push({ path, modifiedMs: (await files.modifiedMs?.(path)) ?? 0, identity: (await files.identity?.(path)) ?? '' })
    }
  }
  return disks
}

async function directories(files: OldFiles, folder: string): Promise<string[]> {
  const found: string[] = []
  for (const path of await entries(files, folder)) if ((await files.kind(path)) === 'directory') found.push(path)
  return found
}

/** Paths of what is in a folder; none where there is no such directory. */
async function entries(files: OldFiles, folder: string): Promise<string[]> {
  if ((await files.kind(folder)) !== 'directory') return []
  return (await files.list(folder)).map((name) => `${folder}/${name}`)
}
