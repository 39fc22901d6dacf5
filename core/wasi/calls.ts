// The calls of WASI preview 1 that the command makes (WASI snapshot 01, "wasi_snapshot_preview1"). Each answers an errno.
// An iovec is two u32: pointer, length. These are the only imports of the command; the core itself has none.

@external('wasi_snapshot_preview1', 'args_sizes_get')
export declare function argsSizesGet(count: usize, bytes: usize): i32
@external('wasi_snapshot_preview1', 'args_get')
export declare function argsGet(pointers: usize, bytes: usize): i32
@external('wasi_snapshot_preview1', 'clock_time_get')
export declare function clockTimeGet(clock: i32, precision: u64, time: usize): i32
@external('wasi_snapshot_preview1', 'fd_close')
export declare function fdClose(fd: i32): i32
@external('wasi_snapshot_preview1', 'fd_prestat_get')
export declare function fdPrestatGet(fd: i32, prestat: usize): i32
@external('wasi_snapshot_preview1', 'fd_prestat_dir_name')
export declare function fdPrestatDirName(fd: i32, path: usize, pathBytes: u32): i32
@external('wasi_snapshot_preview1', 'fd_read')
export declare function fdRead(fd: i32, vectors: usize, count: u32, done: usize): i32
@external('wasi_snapshot_preview1', 'fd_readdir')
export declare function fdReaddir(fd: i32, buffer: usize, bytes: u32, cookie: u64, used: usize): i32
@external('wasi_snapshot_preview1', 'fd_sync')
export declare function fdSync(fd: i32): i32
@external('wasi_snapshot_preview1', 'fd_write')
export declare function fdWrite(fd: i32, vectors: usize, count: u32, done: usize): i32
@external('wasi_snapshot_preview1', 'path_filestat_get')
export declare function pathFilestatGet(fd: i32, lookup: u32, path: usize, pathBytes: u32, filestat: usize): i32
@external('wasi_snapshot_preview1', 'path_open')
export declare function pathOpen(
  fd: i32,
  lookup: u32,
  path: usize,
  pathBytes: u32,
  openFlags: u32,
  rights: u64,
  inheriting: u64,
  fdFlags: u32,
  opened: usize,
): i32
@external('wasi_snapshot_preview1', 'path_remove_directory')
export declare function pathRemoveDirectory(fd: i32, path: usize, pathBytes: u32): i32
@external('wasi_snapshot_preview1', 'path_rename')
export declare function pathRename(fromFd: i32, from: usize, fromBytes: u32, toFd: i32, to: usize, toBytes: u32): i32
@external('wasi_snapshot_preview1', 'path_unlink_file')
export declare function pathUnlinkFile(fd: i32, path: usize, pathBytes: u32): i32
@external('wasi_snapshot_preview1', 'proc_exit')
export declare function procExit(code: i32): void

/** The errnos that mean something to a home; every other one is a failed device. */
export namespace Errno {
  export const SUCCESS: i32 = 0
  export const BADF: i32 = 8
  export const DQUOT: i32 = 19
  export const EXIST: i32 = 20
  export const INVAL: i32 = 28
  export const IO: i32 = 29
  export const ISDIR: i32 = 31
  export const NOENT: i32 = 44
  export const NOSPC: i32 = 51
  export const NOSYS: i32 = 52
  export const NOTSUP: i32 = 58
}

/** What may be done with a descriptor; as few as are needed. */
export namespace Right {
  export const READ: u64 = 1 << 1
  export const SYNC: u64 = 1 << 4
  export const WRITE: u64 = 1 << 6
  export const READDIR: u64 = 1 << 14
}

/** How a path is opened. */
export namespace OpenFlag {
  export const CREATE: u32 = 1
  export const DIRECTORY: u32 = 2
  export const EXCLUSIVE: u32 = 4
}

/** Types of directory entries and files. */
export namespace FileType {
  export const DIRECTORY: u8 = 3
  export const REGULAR: u8 = 4
}
