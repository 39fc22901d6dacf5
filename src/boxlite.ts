// The public API: boxes in a home.

import { openArchive, type ArchiveSource } from './archive/archive-source.ts'
import { importBox, type ImportOptions } from './archive/import.ts'
import { checkAborted, unlessAborted } from './aborted.ts'
import type { ArchiveOptions } from './archive/progress.ts'
import type { BoxHost } from './box-host.ts'
import { boxInfo, type BoxInfo } from './box-info.ts'
import { Box, type RemoveOptions } from './box.ts'
import { createBox, type CreateOptions } from './create-box.ts'
import type { Engine, EngineName } from './engine.ts'
import { isBoxLiteError, type BoxLiteError } from './error.ts'
import { checkHome, type FsckOptions, type FsckReport } from './fsck.ts'
import { boxNotFound, HomeAccess, type BoxReading } from './home-access.ts'
import { Images } from './images.ts'
import { adoptBox, type OldHome } from './legacy/adopt.ts'
import type { OldRecovery } from './legacy/recover-old-box.ts'
import { wantedEngines, type EngineInfo } from './machine/chosen-engine.ts'
import { dropLeftExports } from './machine/left-exports.ts'
import { removeBox } from './machine/remove-box.ts'
import type { CloseOptions } from './machine/stop.ts'
import { listBoxes } from './name-index.ts'
import type { Finding, Recovery } from './operation/operation.ts'
import type { BoxRecord } from './operation/record.ts'
import type { OperationEvent } from './perform.ts'
import type { CallOptions, OpenProgress } from './progress.ts'
import { pruneHome, type PruneOptions, type PruneReport } from './prune.ts'

/** `signal` ends the opening with `aborted`; a box that was recovered by then stays so. */
export interface OpenOptions extends CallOptions<OpenProgress> {
  /** The directory of the home; by default `BOXLITE_HOME`, else `~/.boxlite/store`. */
  readonly homeDir?: string
  /**
   * What runs the boxes: `auto` takes the best that works here. `none`: nothing is looked for and no box can be started; machines
   * that live already are worked with all the same. For programs that only work with disks.
   */
  readonly engine?: 'auto' | 'none' | EngineName | Engine
  /**
   * Where the guest is: a folder with a `guest.json`. On Node its path or a `file:` URL, by default `BOXLITE_GUEST`, else the package
   * `boxlite-guest-386`, else the cache; in a page the URL that it is served from. `unsupported` for a URL that the platform cannot read.
   */
  readonly assets?: URL | string
  /** Told each effect of each operation, and how it went. */
  readonly logger?: (event: OperationEvent) => void
}

/** What `BoxLite.open` found of one box, and what it did. */
export interface RecoveredBox {
  readonly boxId: string
  readonly name: string | null
  /** Null when it could not be recovered: see `error`. */
  readonly recovery: Recovery | null
  /** What was noticed on the way. */
  readonly findings: readonly Finding[]
  /** Why it could not be recovered; null: it could. */
  readonly error: BoxLiteError | null
}

/** What this platform can do beside running boxes; what boxes can do here stands in `engine.capabilities`. */
export interface HostCapabilities {
  /** Files of this machine can be named by their path, to be copied or to be made boxes and images of; and images can be built. */
  readonly hostFiles: boolean
}

/** What this process did in the home since it opened it. */
export interface HomeMetrics {
  readonly boxesCreatedTotal: number
  /** Boxes whose start failed, or whose machine ended against their will, and that nobody started again. */
  readonly boxesFailedTotal: number
  /** Boxes that this process runs, or detached ones whose guest it speaks with. */
  readonly numRunningBoxes: number
  readonly totalCommandsExecuted: number
  readonly totalExecErrors: number
}

/** What `BoxLite.import` takes. */
export type BoxImportOptions = Omit<ImportOptions, 'codec' | 'newId' | 'nowMs' | 'totalBytes'>

const READ_AT_ONCE = 64
const OPENING = 'The opening of the home'

/** The boxes of one open home. Whatever is done with a box is done through it, until it is closed. */
export class BoxLite {
  /** What opening found: boxes that a dead process left in the middle of something. */
  readonly recovered: readonly RecoveredBox[]
  /** What the disks of boxes can start as. */
  readonly images: Images
  /** What runs boxes here, and why not something better, as opening the home found it. */
  readonly engine: EngineInfo
  readonly #home: HomeAccess
  #created = 0

  private constructor(home: HomeAccess, engine: EngineInfo, recovered: readonly RecoveredBox[]) {
    this.#home = home
    this.engine = engine
    this.recovered = recovered
    this.images = new Images(home)
  }

  /** Opens the home, or makes it, and recovers every box that nobody else has. Hosts bind `host`. */
  static async open(host: BoxHost, options: OpenOptions = {}): Promise<BoxLite> {
    const { homeDir, engine = 'auto', logger, signal, onProgress } = options
    const engines = wantedEngines(engine, host.engines)
    checkAborted(signal, OPENING)
    const home = new HomeAccess(host, await host.openStore(homeDir), engines, logger)
    try {
      onProgress?.({ stage: 'engine' })
      const info = await unlessAborted(home.engineInfo(), signal, OPENING)
      const recovered = await recoverAll(home, options)
      host.watchTakers?.((boxId) => home.giveUp(boxId))
      return new BoxLite(home, info, recovered)
    } catch (error) {
      await home.close()
      throw error
    }
  }

  /** What the home is called: on Node its directory. */
  get location(): string {
    return this.#home.store.location
  }

  /** What is not here is refused with `unsupported`. */
  get capabilities(): HostCapabilities {
    return { hostFiles: this.#home.host.files !== undefined }
  }

  /** Counts since the home was opened; nothing is asked of any guest. */
  metrics(): HomeMetrics {
    const { runs, runningCount } = this.#home.runner
    const sum = (of: (run: (typeof runs)[number]) => number): number => runs.reduce((total, run) => total + of(run), 0)
    return {
      boxesCreatedTotal: this.#created,
      boxesFailedTotal: sum(({ state }) => (state === 'failed' ? 1 : 0)),
      numRunningBoxes: runningCount,
      totalCommandsExecuted: sum(({ counts }) => counts.commandsExecutedTotal),
      totalExecErrors: sum(({ counts }) => counts.execErrorsTotal),
    }
  }

  /**
   * Makes a box with a disk of its own; it is not started. `already_exists` where a box has the name, `not_found` for an image that is
   * nowhere, `unsupported` for more than the engine here can give or an option that a box does not have yet, `invalid_argument` for any other.
   */
  create(options: CreateOptions = {}): Promise<Box> {
    return this.#home.during(async () => {
      const box = await createBox(this.#home, this.images, options)
      this.#created++
      return box
    })
  }

  /** The box of that name, or a new one made by the rest of the options. */
  async getOrCreate(options: CreateOptions & { readonly name: string }): Promise<{ box: Box; created: boolean }> {
    const present = await this.get(options.name)
    if (present !== null) return { box: present, created: false }
    try {
      return { box: await this.create(options), created: true }
    } catch (error) {
      // Someone else was faster.
      const box = isBoxLiteError(error, 'already_exists') ? await this.get(options.name) : null
      if (box === null) throw error
      return { box, created: false }
    }
  }

  /** The box of that id, else the one of exactly that name, else null. */
  async get(idOrName: string): Promise<Box | null> {
    const { names } = this.#home
    if (/^[0-9a-f]{32}$/.test(idOrName)) {
      const reading = await this.#home.read(idOrName)
      if (reading.kind === 'box') return new Box(this.#home, reading.record)
      if (reading.kind === 'damaged') return new Box(this.#home, { id: idOrName, name: null, config: {} })
    }
    const id = await names.find(idOrName)
    const reading = id === null ? null : await this.#home.read(id)
    if (reading === null || reading.kind === 'absent') return null
    return new Box(this.#home, reading.kind === 'box' ? reading.record : { id: reading.id, name: idOrName, config: {} })
  }

  /** Every box, by name; those without one last. A record that cannot be read is listed with what is wrong in `attention`. */
  async list(): Promise<BoxInfo[]> {
    const { runner } = this.#home
    const infos: BoxInfo[] = []
    for await (const reading of readAll(this.#home)) {
      if (reading.kind === 'box') infos.push(boxInfo(await runner.seen(reading.record), runner.of(reading.id)))
      if (reading.kind === 'damaged') infos.push(damagedInfo(reading.id, reading.error))
    }
    return infos.sort((a, b) => compareNames(a.name, b.name) || (a.id < b.id ? -1 : 1))
  }

  /** Removes a box with its snapshots. `not_found` when there is none. */
  async remove(idOrName: string, options: RemoveOptions = {}): Promise<void> {
    const box = await this.get(idOrName)
    if (box === null) throw boxNotFound(idOrName)
    await box.remove(options)
  }

  /** Makes a box of an archive. A damaged or hostile one is refused and leaves no box. */
  async import(archive: ArchiveSource, options: BoxImportOptions = {}): Promise<Box> {
    const { host, performer } = this.#home
    const given = { newId: () => host.newId(), nowMs: host.nowMs(), codec: host.codec }
    const { record } = await this.#home.during(async () => {
      const { chunks, totalBytes } = await openArchive(host, archive, options.signal)
      return importBox(performer, chunks, { ...options, ...given, totalBytes })
    })
    this.#home.names.note(record.id, record.name)
    return new Box(this.#home, record)
  }

  /**
   * Makes a box, named by its old id, of one of a home of the prior implementation. `busy` while a machine of it may be alive,
   * `invalid_state` where it needs a person's attention first. A snapshot that was interrupted there is settled; nothing else changes.
   */
  async adopt(home: OldHome, boxId: string, options: ArchiveOptions = {}): Promise<{ readonly box: Box; readonly recovery: OldRecovery }> {
    const { host, performer } = this.#home
    const given = { newId: () => host.newId(), nowMs: host.nowMs(), codec: host.codec }
    const { record, recovery } = await this.#home.during(() => adoptBox(performer, home, boxId, { ...options, ...given }))
    this.#home.names.note(record.id, record.name)
    return { box: new Box(this.#home, record), recovery }
  }

  /** Gives back the space of everything that no box reaches, and folds layers that nothing names. `busy` while others work in the home. */
  prune(options: PruneOptions = {}): Promise<PruneReport> {
    return this.#home.during(() => pruneHome(this.#home, options))
  }

  /** Checks the whole home: every record, every chain, every image. Changes nothing but with `repair`. */
  fsck(options: FsckOptions = {}): Promise<FsckReport> {
    return this.#home.during(() => checkHome(this.#home, options))
  }

  /** Waits for calls under way, stops the boxes that run here but those detached, and lets go of the home. A second call does nothing. */
  close(options: CloseOptions = {}): Promise<void> {
    return this.#home.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Recovers what a dead process left. Records that say nothing of the kind are only read. */
async function recoverAll(home: HomeAccess, { signal, onProgress }: OpenOptions): Promise<RecoveredBox[]> {
  const recovered: RecoveredBox[] = []
  const left: BoxRecord[] = []
  for await (const reading of readAll(home)) {
    checkAborted(signal, OPENING)
    if (reading.kind === 'box' && (await isLeft(home, reading.record))) left.push(reading.record)
  }
  for (const [doneBoxes, { id, name }] of left.entries()) {
    checkAborted(signal, OPENING)
    onProgress?.({ stage: 'recover', doneBoxes, totalBoxes: left.length })
    const box = { boxId: id, name }
    try {
      const { record, recovered: recovery, findings } = await home.run({ kind: 'recover', boxId: id })
      await dropLeftExports(home, record)
      // Its owner died before it could.
      const goes = record.machine === null && record.config['autoRemove'] === true
      if (goes) await removeBox(home, id, false)
      if (recovery !== 'none') recovered.push({ ...box, recovery, findings, error: null })
    } catch (error) {
      // One box that cannot be recovered keeps nobody from the others. A busy one has an owner; a removed one needs none.
      if (!isBoxLiteError(error)) throw error
      if (error.code !== 'busy' && error.code !== 'not_found') recovered.push({ ...box, recovery: null, findings: [], error })
    }
  }
  return recovered
}

/** Whether an owner may have died there. A detached machine that lives needs none; whoever uses it finds out whether it is well. */
async function isLeft(home: HomeAccess, record: BoxRecord): Promise<boolean> {
  if (record.pending !== null) return true
  return record.machine !== null && !(record.machine.detached && (await home.runner.seen(record)).machine !== null)
}

/** Reads every box record, several at a time. */
async function* readAll(home: HomeAccess): AsyncGenerator<BoxReading> {
  const ids = await listBoxes(home.store)
  for (let start = 0; start < ids.length; start += READ_AT_ONCE) {
    for (const reading of await Promise.all(ids.slice(start, start + READ_AT_ONCE).map((id) => home.look(id)))) {
      yield reading
    }
  }
}

function damagedInfo(id: string, error: BoxLiteError): BoxInfo {
  return { id, name: null, state: null, image: null, createdAt: null, snapshotCount: 0, currentSnapshot: null, attention: error.message }
}

function compareNames(a: string | null, b: string | null): number {
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0)
  return a < b ? -1 : a > b ? 1 : 0
}
