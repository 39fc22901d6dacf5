// What is used of `node:fs`, so that anything that has it (memfs) can stand in.

export interface Stats {
  readonly size: number
  readonly nlink: number
  isFile(): boolean
  isDirectory(): boolean
}

/** What is used of a `FileHandle` of `node:fs/promises`. */
export interface Handle {
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  readv?(targets: readonly Uint8Array[], position: number): Promise<{ bytesRead: number }>
  write(source: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
  truncate(length: number): Promise<void>
  stat(): Promise<Stats>
  sync(): Promise<void>
  close(): Promise<void>
}

/** What is used of `node:fs`. */
export interface NodeFs {
  readonly constants: Readonly<Record<'O_RDONLY' | 'O_RDWR' | 'O_CREAT' | 'O_EXCL', number>> & {
    readonly O_NOFOLLOW?: number
    readonly O_NONBLOCK?: number
    readonly O_DIRECTORY?: number
  }
  openSync(path: string, flags: number): number
  readSync(descriptor: number, target: Uint8Array, offset: number, length: number, position: number): number
  fstatSync(descriptor: number): Stats
  closeSync(descriptor: number): void
  readonly promises: {
    open(path: string, flags: number, mode?: number): Promise<Handle>
    lstat(path: string): Promise<Stats>
    readdir(path: string): Promise<string[]>
    mkdir(path: string, options: { mode: number }): Promise<unknown>
    rename(from: string, to: string): Promise<void>
    unlink(path: string): Promise<void>
    rmdir(path: string): Promise<void>
  }
}
