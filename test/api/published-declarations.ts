// What the type declarations of another package, `@boxlite-ai/boxlite`, say of the things that have the same names here: written down
// from its published files, because nothing here depends on it. Classes of its own inside a shape are `unknown`: each is compared
// by itself. Its classes say `Promise`; only what is given when it resolves is written where nothing else differs.

/** The version that was read. */
export const PUBLISHED_VERSION = '0.10.0'

/** `JsOptions`: how a runtime is opened. */
export interface PublishedOpen {
  homeDir?: string
  imageRegistries?: unknown[]
}

/** `JsBoxlite`: boxes of one home. */
export interface PublishedRuntime {
  importBox: (archivePath: string, name?: string | null) => Promise<unknown>
  create: (options: unknown, name?: string | null) => Promise<unknown>
  getOrCreate: (options: unknown, name?: string | null) => Promise<unknown>
  listInfo: () => Promise<unknown[]>
  getInfo: (idOrName: string) => Promise<unknown>
  get: (idOrName: string) => Promise<unknown>
  metrics: () => Promise<PublishedRuntimeMetrics>
  images: PublishedImages
  volumes: unknown
  remove: (idOrName: string, force?: boolean | null) => Promise<void>
  close: () => void
  shutdown: (timeout?: number | null) => Promise<void>
}

/** `JsRuntimeMetrics`. */
export interface PublishedRuntimeMetrics {
  boxesCreatedTotal: number
  boxesFailedTotal: number
  numRunningBoxes: number
  totalCommandsExecuted: number
  totalExecErrors: number
}

/** `SimpleBoxOptions`, and what `JsBoxOptions` has beyond it. */
export interface PublishedCreate {
  image?: string
  rootfsPath?: string
  memoryMib?: number
  cpus?: number
  diskSizeGb?: number
  runtime?: unknown
  name?: string
  autoRemove?: boolean
  reuseExisting?: boolean
  detach?: boolean
  workingDir?: string
  env?: Record<string, string>
  volumes?: unknown[]
  ports?: unknown[]
  network?: unknown
  secrets?: unknown[]
  entrypoint?: string[]
  cmd?: string[]
  user?: string
  advanced?: unknown
  security?: unknown
  autoStop?: number
  autoDelete?: number
  autoResume?: boolean
  healthCheck?: unknown
}

/** `JsBox`, and what `SimpleBox` has beyond it. */
export interface PublishedBox {
  id: string
  name: string | null
  info: () => Promise<PublishedBoxInfo>
  exec: (
    command: string,
    args?: string[] | null,
    env?: [string, string][] | null,
    tty?: boolean | null,
    user?: string | null,
    timeoutSecs?: number | null,
    workingDir?: string | null,
  ) => Promise<PublishedExecution>
  snapshot: PublishedSnapshots
  network: unknown
  cloneBox: (options?: Record<string, never> | null, name?: string | null) => Promise<unknown>
  export: (dest: string, options?: Record<string, never> | null) => Promise<string>
  start: () => Promise<void>
  stop: () => Promise<void>
  metrics: () => Promise<PublishedBoxMetrics>
  copyIn: (hostPath: string, containerDest: string, options?: PublishedCopy | null) => Promise<void>
  copyOut: (containerSrc: string, hostDest: string, options?: PublishedCopy | null) => Promise<void>
  created: boolean | null
  getId: () => Promise<string>
  getInfo: () => Promise<unknown>
  tunnel: (port: number) => Promise<unknown>
}

/** `JsBoxInfo`. */
export interface PublishedBoxInfo {
  id: string
  name?: string
  state: { status: string; running: boolean; pid?: number }
  createdAt: string
  startedAt?: string
  image: string
  cpus: number
  memoryMib: number
  network: unknown
  autoStop: number
  autoDelete: number
  autoResume: boolean
  healthStatus: unknown
}

/** `JsBoxMetrics`. */
export interface PublishedBoxMetrics {
  commandsExecutedTotal: number
  execErrorsTotal: number
  bytesSentTotal: number
  bytesReceivedTotal: number
  totalCreateDurationMs?: number
  guestBootDurationMs?: number
  cpuPercent?: number
  memoryBytes?: number
  networkBytesSent?: number
  networkBytesReceived?: number
  networkTcpConnections?: number
  networkTcpErrors?: number
  stageFilesystemSetupMs?: number
  stageImagePrepareMs?: number
  stageGuestRootfsMs?: number
  stageBoxConfigMs?: number
  stageBoxSpawnMs?: number
  stageContainerInitMs?: number
}

/** `JsExecution`. */
export interface PublishedExecution {
  id: () => Promise<string>
  stdin: () => Promise<unknown>
  stdout: () => Promise<unknown>
  stderr: () => Promise<unknown>
  wait: () => Promise<unknown>
  kill: () => Promise<void>
  resizeTty: (rows: number, cols: number) => Promise<void>
  signal: (signal: number) => Promise<void>
}

/** `ExecResult`, which `SimpleBox.exec` resolves with. */
export interface PublishedExecResult {
  exitCode: number
  stdout: string
  stderr: string
}

/** The last parameter of `SimpleBox.exec`, and what `JsBox.exec` takes one after the other. */
export interface PublishedExecOptions {
  cwd?: string
  user?: string
  timeoutSecs?: number
  env?: Record<string, string>
  tty?: boolean
  workingDir?: string
}

/** `CopyOptions`. */
export interface PublishedCopy {
  recursive?: boolean
  overwrite?: boolean
  followSymlinks?: boolean
  includeParent?: boolean
}

/** `JsSnapshotHandle`. */
export interface PublishedSnapshots {
  create: (name: string, options?: Record<string, never> | null) => Promise<PublishedSnapshotInfo>
  list: () => Promise<PublishedSnapshotInfo[]>
  get: (name: string) => Promise<PublishedSnapshotInfo | null>
  remove: (name: string) => Promise<void>
  restore: (name: string) => Promise<void>
}

/** `JsSnapshotInfo`. */
export interface PublishedSnapshotInfo {
  id: string
  boxId: string
  name: string
  createdAt: number
  containerDiskBytes: number
  sizeBytes: number
}

/** `ImageHandle`. */
export interface PublishedImages {
  pull: (reference: string) => Promise<unknown>
  list: () => Promise<PublishedImageInfo[]>
}

/** `ImageInfo`. */
export interface PublishedImageInfo {
  reference: string
  repository: string
  tag: string
  id: string
  cachedAt: string
  sizeBytes?: number
}

/** `CodeBox`, without what it has from `SimpleBox`. */
export interface PublishedCodeBox {
  run: (code: string) => Promise<string>
  runScript: (scriptPath: string) => Promise<string>
  installPackage: (packageName: string) => Promise<string>
  installPackages: (...packages: string[]) => Promise<string>
  stop: () => Promise<void>
}

/** What the package exports, its constants aside. */
export const publishedExports = [
  'JsBoxlite', 'BoxliteRestOptions', 'ApiKeyCredential', 'getNativeModule', 'getJsBoxlite',
  'SimpleBox', 'CodeBox', 'BrowserBox', 'ComputerBox', 'InteractiveBox', 'SkillBox', 'BoxTunnel', 'TunnelForwarder', 'NetworkHandle',
  'BoxliteError', 'ExecError', 'TimeoutError', 'ParseError',
] as const
