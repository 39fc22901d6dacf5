// Homes of the prior implementation, in the directory `old` beside a home of ours. Each has one box with one snapshot, and what
// a process that died left of its marker and its files. Once that is settled they are all the same, and so is what is adopted.

import { Content } from './content.ts'
import { CrashFileSystem } from './crash-fs.ts'
import { qcow2Image } from './image-builder.ts'
import type { GuestBytes } from './image-reader.ts'
import { filling } from './run.ts'
import { MARKER } from './seed-algorithm.ts'
import type { Adoption } from './truth.ts'
import { Names, ROOT, type World } from './world.ts'

const HOME = '/home/of/the/test/'
/** Id of the old box, and its directory. */
const ID = 'b'
const BOX = `boxes/${ID}`
const DISK = `${BOX}/disks/disk.qcow2`
const FIRST = `${BOX}/snapshots/s1/disk.qcow2`
const STRANDED = `${BOX}/snapshots/s2/disk.qcow2`

/** How a home was left: where the live disk is, and what the marker says. */
interface Leftovers {
  readonly live: string
  readonly marker: string | null
}

const current = (snapshot: string): string => {
  return JSON.stringify({ snapshot_dir: `${HOME}${BOX}/snapshots/${snapshot}`, container_disk: HOME + DISK })
}

const LEFT = {
  'old-begun': { live: DISK, marker: current('s2') },
  'old-moved': { live: STRANDED, marker: current('s2') },
  'old-finished': { live: DISK, marker: current('s1') },
  'old-torn': { live: STRANDED, marker: '{"snapshot_dir": "/home' },
  'old-based': { live: 'bases/k3xq.qcow2', marker: JSON.stringify({ bases_dir: `${HOME}bases`, container_disk: HOME + DISK }) },
  'old-settled': { live: DISK, marker: null },
} as const satisfies Readonly<Record<string, Leftovers>>

export type OldKind = keyof typeof LEFT
export const OLD_KINDS = Object.keys(LEFT) as readonly OldKind[]

/** What the guest reads from the snapshot, and from the live disk. */
const SAVED: GuestBytes = filling(0)
const LIVE: GuestBytes = filling(2)

/** Puts an old home into a world; returns the disks in it, which nothing may take away. */
export async function makeOldHome(world: World, kind: OldKind): Promise<Content[]> {
  const old = world.add(Names.EMPTY)
  world.rename(ROOT, (names) => names.with('old', old))
  const files = new CrashFileSystem(world, null, old)
  for (const path of ['bases', 'boxes', BOX, `${BOX}/disks`, `${BOX}/snapshots`, `${BOX}/snapshots/s1`]) await files.makeDirectory(path)
  const { live, marker }: Leftovers = LEFT[kind]
  if (marker === current('s2') || live === STRANDED) await files.makeDirectory(`${BOX}/snapshots/s2`)
  const disks = [imageOf(SAVED, null), imageOf(LIVE, HOME + FIRST)]
  for (const [i, path] of [FIRST, live].entries()) await write(files, path, disks[i]!.bytes())
  if (marker !== null) await write(files, MARKER, new TextEncoder().encode(marker))
  return disks
}

async function write(files: CrashFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.open(path, 'create')
  await file.write(bytes, 0)
  await file.close()
}

function imageOf(disk: GuestBytes, backing: string | null): Content {
  let content = Content.EMPTY
  for (const { offset, bytes } of qcow2Image(disk, backing)) {
    content = content.write(offset, bytes).resize(Math.max(content.length, offset + bytes.length))
  }
  return content
}

/** The adoption of the old box under ids from `first` on: those of two layers, the snapshot, the box and its live layer. */
export function adoption(first: number, id: (n: number) => string): Adoption {
  const snapshots = new Map([[id(first + 2), { name: 's1', bytes: SAVED }]])
  const truth = { name: ID, live: LIVE, loose: new Map(), snapshots }
  return { kind: 'adopt', oldId: ID, boxId: id(first + 3), ids: [0, 1, 2, 3, 4].map((i) => id(first + i)), truth }
}
