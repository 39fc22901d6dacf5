// One box.

import { untilAborted } from './aborted.ts'
import type { GuestMetrics } from './agent/calls.ts'
import { exportBox, type ExportOptions } from './archive/export.ts'
import type { ArchiveProgress } from './archive/progress.ts'
import { LayerChains } from './archive/layer-chain.ts'
import { inHome, openLiveDisk, type BoxDisk, type OpenDiskOptions } from './box-disk.ts'
import type { BoxEvent, BoxEventKind, BoxEventOf } from './box-events.ts'
import { boxInfo, runningInfo, type BoxDetails } from './box-info.ts'
import { readSettings } from './box-settings.ts'
import type { MachineExit } from './engine.ts'
import type { Connect } from './connect.ts'
import { BoxLiteError, isBoxLiteError } from './error.ts'
import { startExec, startShell, type ShellOptions } from './exec/exec.ts'
import type { ExecOptions } from './exec/exec-options.ts'
import type { Execution } from './exec/execution.ts'
import { BoxFiles } from './files/box-files.ts'
import type { HomeAccess } from './home-access.ts'
import type { RunCounts } from './machine/box-run.ts'
import type { StartOptions } from './machine/launch.ts'
import { exportRunning } from './machine/export-running.ts'
import { removeBox } from './machine/remove-box.ts'
import type { StopOptions, StopProgress } from './machine/stop.ts'
import type { ChangeProgress } from './operation/change-progress.ts'
import type { BoxRecord } from './operation/record.ts'
import type { CallOptions } from './progress.ts'
import { layerBytes, Snapshots } from './snapshots.ts'

export interface CloneOptions extends CallOptions<ChangeProgress> {
  /** Name of the clone; it needs none. */
  readonly name?: string
  /** Id or name of the snapshot to start from; by default the disk as it is now. */
  readonly snapshot?: string
}

/** Of a box that runs, the removal goes to its end from the moment when its machine is ended, whatever `signal` says. */
export interface RemoveOptions extends CallOptions<StopProgress | ChangeProgress> {
  /** Ends the machine of a box that is running. Removes a box whose record is damaged, too: the disks that only it names go with `prune`. */
  readonly force?: boolean
}

export interface LogOptions {
  /** Goes on until the machine ends. */
  readonly follow?: boolean
  /** Ends the waiting for more with `aborted`. */
  readonly signal?: AbortSignal | undefined
}

/** What this process counted of a box since it first met it. */
export interface BoxMetrics extends Readonly<RunCounts> {
  /** What the guest says of itself; null: the box does not run, or is paused. */
  readonly guest: GuestMetrics | null
}

/** What `Box.export` takes. */
export interface BoxExportOptions extends Omit<ExportOptions, 'codec' | 'onProgress'>, CallOptions<ArchiveProgress | ChangeProgress> {}

/** A box of an open home. Two objects of one box are the same box; one that was removed answers with `not_found`. */
export class Box {
  readonly #home: HomeAccess
  /** 32 hexadecimal digits; it keeps them for life. */
  readonly id: string
  /** Null for a box without a name. */
  readonly name: string | null
  /** Its snapshots: to take, list, restore and remove. */
  readonly snapshot: Snapshots
  /** The files of the box, which is started for them where it does not run. */
  readonly files: BoxFiles
  // What every command starts with; a box keeps its settings for life.
  readonly #defaults: ExecDefaults
  readonly #connect: Connect

  constructor(home: HomeAccess, { id, name, config }: Pick<BoxRecord, 'id' | 'name' | 'config'>) {
    this.#home = home
    this.#defaults = execDefaults(config)
    this.#connect = (options) => home.during(() => home.runner.session(id, options))
    this.id = id
    this.name = name
    this.snapshot = new Snapshots(home, id)
    this.files = new BoxFiles(this.#connect, home.host.files ?? null)
  }

  /** The box as it is now. `not_found` when it was removed; `busy` while the home is being pruned. */
  info(): Promise<BoxDetails> {
    return this.#home.during(() => inHome(this.#home, () => this.#details()))
  }

  async #details(): Promise<BoxDetails> {
    const { runner } = this.#home
    const record = await runner.seen(await this.#home.record(this.id))
    const run = runner.of(this.id)
    const chains = new LayerChains(this.#home.store, this.#home.host.codec)
    const { virtualSizeBytes } = await chains.facts(record.live)
    const layerCount = (await chains.names(record.live)).length
    const disk = { virtualSizeBytes, layerCount, ownBytes: await layerBytes(this.#home, record.live) }
    return { ...boxInfo(record, run), ...runningInfo(record), disk }
  }

  /**
   * Starts the machine and resolves when the guest answers; nothing for a box that runs. `engine_unavailable` where no engine works
   * here; `busy` where another process runs the box; a guest that does not come up is told with its console, as the fact `console`.
   */
  start(options: StartOptions = {}): Promise<void> {
    return this.#home.inTurn(this.id, () => this.#home.runner.start(this.id, options), options.signal)
  }

  /**
   * Shuts the guest down, and ends its machine where it does not in time: then the exit that this gives says `killed`, and what the
   * guest had not written out is lost. Null, and nothing done, for a box that does not run.
   */
  stop(options: StopOptions = {}): Promise<MachineExit | null> {
    return this.#home.inTurn(this.id, () => this.#home.runner.stop(this.id, options), options.signal)
  }

  /**
   * Stops the processors; memory stays. `invalid_state` for a box that does not run. A machine that was left paused runs again when
   * another process takes it over.
   */
  pause(): Promise<void> {
    return this.#home.inTurn(this.id, () => this.#home.runner.pause(this.id))
  }

  /** Lets a paused box run on; nothing for one that runs. `invalid_state` for one that does not. */
  resume(): Promise<void> {
    return this.#home.inTurn(this.id, () => this.#home.runner.resume(this.id))
  }

  /**
   * Runs a command, in a box that is started where it does not run. Returns at once: await it for the whole result, iterate it for
   * the output as it comes. A command that fails is a result, not an error. What cannot be started rejects: `not_found` or
   * `invalid_argument` with the fact `step`, or what `start` rejects with.
   */
  exec(command: string, args: readonly string[] | undefined, options: ExecOptions & { readonly encoding: 'buffer' }): Execution<Uint8Array>
  exec(command: string, args?: readonly string[], options?: ExecOptions & { readonly encoding?: 'utf8' }): Execution<string>
  exec(command: string, args?: readonly string[], options?: ExecOptions): Execution<string> | Execution<Uint8Array>
  exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Execution<string> | Execution<Uint8Array> {
    return this.#counted<Execution<string> | Execution<Uint8Array>>(startExec(this.#connect, command, args, this.#withDefaults(options)))
  }

  /** Starts a shell on a terminal, in a box that is started where it does not run. */
  shell(options: ShellOptions = {}): Execution<string> {
    return this.#counted(startShell(this.#connect, this.#withDefaults(options)))
  }

  /** What this process did in the box, and what its guest says of itself. `busy` where it belongs to another process. */
  metrics(): Promise<BoxMetrics> {
    const { runner } = this.#home
    return this.#home.during(async () => {
      const { counts, state } = runner.of(this.id)
      if (state === 'paused' || state === 'starting') return { ...counts, guest: null }
      const session = await runner.runningSession(this.id)
      // What lives and is neither ours nor to be visited is another process's.
      if (session === null && (await runner.seen(await this.#home.record(this.id))).machine !== null) throw await this.#home.inUse(this.id)
      return { ...counts, guest: (await session?.metrics()) ?? null }
    })
  }

  /**
   * What the guest's console said since the last start, as far as it is kept; of a box that does not run, that of its last machine. Where
   * homes are directories, other programs can read it, too. A detached machine is heard while any program has to do with it.
   */
  async *logs({ follow = false, signal }: LogOptions = {}): AsyncGenerator<string, void, undefined> {
    const decoder = new TextDecoder()
    let isEmpty = true
    for await (const bytes of untilAborted(await this.#console(follow), signal)) {
      isEmpty = false
      yield decoder.decode(bytes, { stream: true })
    }
    const last = isEmpty ? this.#home.runner.of(this.id).lastExit?.console : decoder.decode()
    if (last) yield last
  }

  async #console(follow: boolean): Promise<AsyncIterable<Uint8Array>> {
    const { host, runner, store } = this.#home
    const { owned } = runner.of(this.id)
    if (owned !== null) return owned.live.machine.console({ follow })
    const { machine } = await runner.seen(await this.#home.record(this.id))
    const isOver = async (): Promise<boolean> => !follow || machine === null || !(await this.#home.engineOf(this.id, machine).lives(machine))
    return host.readConsole?.(store, this.id, isOver) ?? nothing()
  }

  /** Calls `listener` for each event of a kind until the function that this returns is called. Only of what this process does. */
  on<K extends BoxEventKind>(kind: K, listener: (event: BoxEventOf<K>) => void): () => void {
    return this.#home.runner.of(this.id).events.on(kind, listener)
  }

  /** Every event from now on, until the caller leaves the loop or the box is removed. */
  events(): AsyncIterableIterator<BoxEvent> {
    return this.#home.runner.of(this.id).events.stream()
  }

  /**
   * Opens the disk of a stopped box, for writing too unless told otherwise. The box is locked until the disk is closed. `invalid_state`
   * for a box that runs, `busy` for one that another process has.
   */
  disk(options: OpenDiskOptions = {}): Promise<BoxDisk> {
    return openLiveDisk(this.#home, this.id, options)
  }

  /**
   * Makes a box whose disk starts as this one's, running or not, or as one of its snapshots. No bytes are copied. `already_exists` where
   * a box has the name, `not_found` where there is no such snapshot.
   */
  async clone({ name, snapshot, signal, onProgress }: CloneOptions = {}): Promise<Box> {
    const { host } = this.#home
    const { config } = await this.#home.record(this.id)
    const ids = { cloneId: host.newId(), cloneLayerId: host.newId(), layerId: host.newId() }
    const made = { name: name ?? null, config: { ...config, createdAt: host.nowMs() } }
    const { record, findings } = await this.#home.change(
      { kind: 'clone', boxId: this.id, snapshot: snapshot ?? null, ...ids, ...made },
      { signal, onProgress },
    )
    this.#home.runner.tell(this.id, findings)
    return new Box(this.#home, record)
  }

  /**
   * The box with its snapshots as an archive, in chunks; or one snapshot. Of a box that runs it is the disk as it was when the
   * export began, and the box goes on meanwhile; one that does not run is locked while it is read. Read it to its end, or call
   * `return`: `for await` does.
   */
  async *export(options: BoxExportOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const given = { ...options, codec: this.#home.host.codec }
    const leave = await this.#home.enter(this.id, options.signal)
    try {
      this.#home.checkDiskClosed(this.id)
      if ((await this.#home.record(this.id)).machine === null) {
        yield* exportBox(this.#home.performer, this.id, given)
        return
      }
    } finally {
      leave()
    }
    yield* exportRunning(this.#home, this.id, given)
  }

  /** Removes the box with its snapshots; clones live on. The space comes back with `prune`. `invalid_state` for one that runs, without `force`. */
  remove({ force = false, signal, onProgress }: RemoveOptions = {}): Promise<void> {
    const { runner } = this.#home
    const work = async (): Promise<void> => {
      this.#home.checkDiskClosed(this.id)
      const runs = runner.of(this.id).owned !== null
      if (runs && !force) throw stillRunning(this.id)
      if (runs) await runner.stop(this.id, { force: true, signal, onProgress }, true)
      await removeBox(this.#home, this.id, force, { onProgress, signal: runs ? undefined : signal })
      runner.forget(this.id)
    }
    return this.#home.inTurn(this.id, work, signal)
  }

  #withDefaults<O extends ExecOptions | ShellOptions>(options: O): O {
    const { env, ...defaults } = this.#defaults
    return { ...defaults, ...options, env: { ...env, ...options.env } }
  }

  #counted<E extends Execution<string> | Execution<Uint8Array>>(execution: E): E {
    const { counts } = this.#home.runner.of(this.id)
    counts.commandsExecutedTotal++
    // Its caller hears how it went; here it is only counted.
    void execution.then(
      ({ exitCode }) => void (exitCode === 0 || counts.execErrorsTotal++),
      () => void counts.execErrorsTotal++,
    )
    return execution
  }

  /** Stops the box; it is removed only where it was made with `autoRemove`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

type ExecDefaults = Pick<ExecOptions, 'env' | 'cwd' | 'user'>

/** What the box's own settings say of its commands. Settings that are not valid are told by the start. */
function execDefaults(config: BoxRecord['config']): ExecDefaults {
  try {
    const { env, workingDir, user } = readSettings(config)
    return { ...(env && { env }), ...(workingDir && { cwd: workingDir }), ...(user && { user }) }
  } catch (error) {
    if (isBoxLiteError(error, 'corrupt')) return {}
    throw error
  }
}

async function* nothing(): AsyncGenerator<never> {}

function stillRunning(boxId: string): BoxLiteError {
  return new BoxLiteError('invalid_state', `box '${boxId}' is running`, { remedy: 'Stop it first, or remove it with force.', facts: { boxId } })
}
