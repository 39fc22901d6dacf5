// The package on Node: the public API over this platform's files, locks, clock and random numbers.

import { BoxLite as BoxLiteOn, type OpenOptions } from '../../src/boxlite.ts'
import { nodeHost } from './host.ts'

export type { ArchiveProgress, ArchiveStage } from '../../src/archive/progress.ts'
export type { OldHome } from '../../src/legacy/adopt.ts'
export type { OldFateName, OldRecovery } from '../../src/legacy/recover-old-box.ts'
export type { BoxDisk, OpenDiskOptions } from '../../src/box-disk.ts'
export type { BoxDetails, BoxInfo, SnapshotInfo, SnapshotNode, SnapshotTree } from '../../src/box-info.ts'
export type { Box, BoxExportOptions, CloneOptions, RemoveOptions } from '../../src/box.ts'
export type { BoxImportOptions, CreateOptions, OpenOptions, RecoveredBox } from '../../src/boxlite.ts'
export type { CopyOptions, CopyProgress, DiskFormat, DiskSource } from '../../src/disk-source.ts'
export type { Extent } from '../../src/disk/disk.ts'
export { BoxLiteError, isBoxLiteError, type ErrorCode, type ErrorFault } from '../../src/error.ts'
export type { FsckFinding, FsckOptions, FsckProgress, FsckReport, FsckSeverity } from '../../src/fsck.ts'
export type { Finding, Recovery } from '../../src/operation/operation.ts'
export type { Consistency } from '../../src/operation/record.ts'
export type { PruneOptions, PruneReport } from '../../src/prune.ts'
export { readArchiveFile, writeArchiveFile } from './archive-file.ts'
export { openOldHome } from './old-home.ts'
export type { SnapshotCreateOptions, SnapshotRestoreOptions, Snapshots } from '../../src/snapshots.ts'

/** Boxes in a home of this machine. */
export type BoxLite = BoxLiteOn

export const BoxLite = {
  /** Opens the home, or makes it, and recovers every box that nobody else has. */
  open: (options?: OpenOptions): Promise<BoxLite> => BoxLiteOn.open(nodeHost, options),
} as const
