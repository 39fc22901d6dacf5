// The package on Node: the public API over this platform's files, locks, clock and random numbers.

import { BoxLite as BoxLiteOn, type OpenOptions } from '../../src/boxlite.ts'
import { CodeBox as CodeBoxOn, type CodeBoxOptions } from '../../src/code-box.ts'
import type { ExecResult } from '../../src/exec/exec-options.ts'
import { runIn, type RunOptions } from '../../src/run.ts'
import { nodeHost } from './host.ts'

export type { GuestMetrics } from '../../src/agent/calls.ts'
export type { ArchiveProgress, ArchiveStage } from '../../src/archive/progress.ts'
export type { OldHome } from '../../src/legacy/adopt.ts'
export type { OldFateName, OldRecovery } from '../../src/legacy/recover-old-box.ts'
export type { BoxDisk, OpenDiskOptions } from '../../src/box-disk.ts'
export type { BoxEvent, BoxEventKind, BoxEventOf } from '../../src/box-events.ts'
export type { BoxDetails, BoxInfo, SnapshotInfo, SnapshotNode, SnapshotTree } from '../../src/box-info.ts'
export type { BoxSettings } from '../../src/box-settings.ts'
export type { Box, BoxExportOptions, BoxMetrics, CloneOptions, LogOptions, RemoveOptions } from '../../src/box.ts'
export type { BoxImportOptions, HomeMetrics, OpenOptions, RecoveredBox } from '../../src/boxlite.ts'
export type { CodeBoxOptions, CodeOptions } from '../../src/code-box.ts'
export type { CreateOptions, CreateProgress } from '../../src/create-box.ts'
export type { CopyOptions, CopyProgress, DiskFormat, DiskSource } from '../../src/disk-source.ts'
export type { Extent } from '../../src/disk/disk.ts'
export type { Accelerator, Engine, EngineCapabilities, EngineName, EngineProtection, EngineRefusal, MachineExit } from '../../src/engine.ts'
export { BoxLiteError, isBoxLiteError, type ErrorCode, type ErrorFault } from '../../src/error.ts'
export type { ShellOptions } from '../../src/exec/exec.ts'
export type { ExecEvent, ExecExit, ExecInput, ExecOptions, ExecResult, TerminalSize } from '../../src/exec/exec-options.ts'
export type { Execution } from '../../src/exec/execution.ts'
export type { BoxFiles } from '../../src/files/box-files.ts'
export type { CopySource } from '../../src/files/copy-source.ts'
export type {
  CopyFilesOptions,
  CopyInOptions,
  CopyOutOptions,
  CopyReport,
  FileOptions,
  FilesProgress,
  MakeDirectoryOptions,
  ReadOptions,
  ReadWholeOptions,
  RemoveFileOptions,
  Skipped,
  StatOptions,
  WriteOptions,
} from '../../src/files/file-options.ts'
export type { FileEntry, FileStat } from '../../src/files/file-stat.ts'
export type { FsckFinding, FsckOptions, FsckProgress, FsckReport, FsckSeverity } from '../../src/fsck.ts'
export type { HomeImage, ImageInfo, ImageOptions, ImageProgress, Images } from '../../src/images.ts'
export type { BoxStateName } from '../../src/lifecycle.ts'
export type { EngineInfo } from '../../src/machine/chosen-engine.ts'
export type { StartOptions, StartProgress } from '../../src/machine/launch.ts'
export type { StopOptions } from '../../src/machine/runner.ts'
export type { Finding, Recovery } from '../../src/operation/operation.ts'
export type { Consistency } from '../../src/operation/record.ts'
export type { PruneOptions, PruneReport } from '../../src/prune.ts'
export type { AssetProgress, OpenProgress, Progress } from '../../src/progress.ts'
export type { RunOptions } from '../../src/run.ts'
export { readArchiveFile, writeArchiveFile } from './archive-file.ts'
export { openOldHome } from './old-home.ts'
export type { SnapshotCreateOptions, SnapshotRestoreOptions, Snapshots } from '../../src/snapshots.ts'

/** Boxes in a home of this machine. */
export type BoxLite = BoxLiteOn

export const BoxLite = {
  /** Opens the home, or makes it, and recovers every box that nobody else has. */
  open: async (options: OpenOptions = {}): Promise<BoxLite> => BoxLiteOn.open(nodeHost(options), options),
} as const

/** Runs a command in a fresh box of the default home, which is gone afterwards: a line by the guest's shell, a list as it is. */
export async function run(command: string | readonly string[], options?: RunOptions): Promise<ExecResult> {
  const lite = await BoxLite.open()
  try {
    return await runIn(lite, command, options)
  } finally {
    await lite.close()
  }
}

/** A box to run Python in: made when it is first used, gone when it is stopped. */
export class CodeBox extends CodeBoxOn {
  constructor(options?: CodeBoxOptions) {
    super(() => BoxLite.open(), options)
  }
}
