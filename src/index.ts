// The names of the public API that are the same on every host, beside BoxLite, run and CodeBox, which each host binds to itself.

export type { GuestMetrics } from './agent/calls.ts'
export type { ArchiveSource } from './archive/archive-source.ts'
export type { ArchiveProgress, ArchiveStage } from './archive/progress.ts'
export type { OldHome } from './legacy/adopt.ts'
export type { OldFateName, OldRecovery } from './legacy/recover-old-box.ts'
export type { BoxDisk, OpenDiskOptions } from './box-disk.ts'
export type { BoxEvent, BoxEventKind, BoxEventOf } from './box-events.ts'
export type { BoxDetails, BoxInfo, SnapshotInfo, SnapshotNode, SnapshotTree } from './box-info.ts'
export type { BoxSettings } from './box-settings.ts'
export type { Box, BoxExportOptions, BoxMetrics, CloneOptions, LogOptions, RemoveOptions } from './box.ts'
export type { BoxImportOptions, HomeMetrics, HostCapabilities, OpenOptions, RecoveredBox } from './boxlite.ts'
export type { BytesGiven } from './bytes-given.ts'
export type { CodeBoxOptions, CodeOptions } from './code-box.ts'
export type { CreateOptions, CreateProgress } from './create-box.ts'
export type { CopyOptions, CopyProgress, DiskFormat, DiskSource } from './disk-source.ts'
export type { Extent } from './disk/disk.ts'
export type { Accelerator, Engine, EngineCapabilities, EngineName, EngineProtection, EngineRefusal, MachineExit } from './engine.ts'
export { BoxLiteError, isBoxLiteError, type ErrorCode, type ErrorFault } from './error.ts'
export type { ShellOptions } from './exec/exec.ts'
export type { ExecEvent, ExecExit, ExecInput, ExecOptions, ExecResult, TerminalSize } from './exec/exec-options.ts'
export type { Execution } from './exec/execution.ts'
export type { BoxFiles } from './files/box-files.ts'
export type { CopySource } from './files/copy-source.ts'
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
} from './files/file-options.ts'
export type { FileEntry, FileStat } from './files/file-stat.ts'
export type { FsckFinding, FsckOptions, FsckProgress, FsckReport, FsckSeverity } from './fsck.ts'
export type { BuildProgress, HomeImage, ImageInfo, ImageOptions, ImageProgress, Images } from './images.ts'
export type { BoxStateName } from './lifecycle.ts'
export type { EngineInfo } from './machine/chosen-engine.ts'
export type { StartOptions, StartProgress } from './machine/launch.ts'
export type { CloseOptions, StopOptions, StopProgress } from './machine/stop.ts'
export type { ChangeProgress } from './operation/change-progress.ts'
export type { Finding, Recovery } from './operation/operation.ts'
export type { Consistency } from './operation/record.ts'
export type { PruneOptions, PruneProgress, PruneReport } from './prune.ts'
export type { AssetProgress, CallOptions, OpenProgress, Progress } from './progress.ts'
export type { RunOptions, RunProgress } from './run.ts'
export type { SnapshotCreateOptions, SnapshotRestoreOptions, Snapshots } from './snapshots.ts'
