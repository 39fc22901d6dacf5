// Checks a whole home: every record is whole, every chain opens, every image is sound, every name is ours.
//
// It reads for itself, with nothing in common with recovery and collection but the formats. It repairs what can be
// repaired without deciding for a person: it completes or undoes an interrupted operation and deletes what nothing
// reaches. Damage is reported and left as it is.

import { checkAborted } from './aborted.ts'
import { LayerChains } from './archive/layer-chain.ts'
import { checkImage } from './disk/check.ts'
import { isBoxLiteError } from './error.ts'
import type { HomeAccess } from './home-access.ts'
import type { Directory, Held } from './host.ts'
import type { BoxRecord } from './operation/record.ts'
import type { HeldLock } from './perform.ts'
import type { CallOptions } from './progress.ts'
import { isLayerName, layerFormat, RECORD_SUFFIX, TEMPORARY_SUFFIX } from './store/names.ts'

/** `damage`: bytes are lost or wrong. `unfinished`: an operation was interrupted. `leftover`: nothing reaches it. `note`: worth knowing. */
export type FsckSeverity = 'damage' | 'unfinished' | 'leftover' | 'note'

export interface FsckFinding {
  readonly severity: FsckSeverity
  readonly directory: Directory
  /** The name in that directory. */
  readonly name: string
  /** The box it is about, where it is about one. */
  readonly boxId: string | null
  readonly message: string
  /** What `repair` does about it; null: nothing, it is for a person to decide. */
  readonly repair: string | null
}

export interface FsckReport {
  /** Whether there is no damage and nothing unfinished; leftovers cost space alone. */
  readonly clean: boolean
  /** What there is; with `repair`, what there was. */
  readonly findings: readonly FsckFinding[]
  /** With `repair`: what is still there. Else null. */
  readonly remaining: readonly FsckFinding[] | null
  readonly checked: { readonly boxes: number; readonly snapshots: number; readonly images: number; readonly layers: number }
}

/** `signal` ends it between two records or layers; what was repaired by then stays so. */
export interface FsckOptions extends CallOptions<FsckProgress> {
  /** Finishes what was interrupted and deletes what nothing reaches. */
  readonly repair?: boolean
}

export interface FsckProgress {
  readonly stage: 'fsck'
  readonly doneLayers: number
  readonly totalLayers: number
}

/** Alone in the home: `busy` while others work in it. */
export async function checkHome(home: HomeAccess, options: FsckOptions): Promise<FsckReport> {
  const lock = await home.lockHome('exclusive')
  try {
    const first = await new HomeCheck(home, options).run()
    if (options.repair !== true || first.findings.every(({ repair }) => repair === null)) {
      return { ...first, remaining: options.repair === true ? first.findings : null }
    }
    await repairHome(home, lock, first.findings, options.signal)
    const second = await new HomeCheck(home, options).run()
    return { ...second, findings: first.findings, remaining: second.findings }
  } finally {
    await lock.release()
  }
}

async function repairHome(home: HomeAccess, lock: Held, findings: readonly FsckFinding[], signal: AbortSignal | undefined): Promise<void> {
  const held: HeldLock[] = [{ scope: { kind: 'home', mode: 'exclusive' }, held: lock }]
  for (const { severity, boxId } of findings) {
    checkAborted(signal)
    if (severity === 'unfinished' && boxId !== null) await recoverUnlessBusy(home, boxId, held)
  }
  if (findings.some(({ severity }) => severity === 'leftover')) await home.run({ kind: 'collect', dryRun: false }, { held, signal })
  checkAborted(signal)
}

/** Whoever has the box has recovered it, or will. */
async function recoverUnlessBusy(home: HomeAccess, boxId: string, held: readonly HeldLock[]): Promise<void> {
  try {
    await home.run({ kind: 'recover', boxId }, { held })
  } catch (error) {
    if (!isBoxLiteError(error, 'busy')) throw error
  }
}

class HomeCheck {
  readonly #home: HomeAccess
  readonly #options: FsckOptions
  readonly #chains: LayerChains
  readonly #findings: FsckFinding[] = []
  readonly #reached = new Set<string>()
  readonly #busyLayers = new Set<string>()
  /** Something that may reach layers cannot be read, so that collection deletes nothing. */
  #blind = false
  readonly #checked = { boxes: 0, snapshots: 0, images: 0, layers: 0 }

  constructor(home: HomeAccess, options: FsckOptions) {
    this.#home = home
    this.#options = options
    this.#chains = new LayerChains(home.store, home.host.codec)
  }

  async run(): Promise<Omit<FsckReport, 'remaining'>> {
    const layers = await this.#home.store.list('layers')
    for (const name of await this.#home.store.list('boxes')) {
      checkAborted(this.#options.signal)
      await this.#box(name)
    }
    for (const name of await this.#home.store.list('images')) await this.#image(name)
    for (const name of layers) this.#layerName(name)
    let doneLayers = 0
    for (const name of this.#reached) {
      checkAborted(this.#options.signal)
      this.#options.onProgress?.({ stage: 'fsck', doneLayers: doneLayers++, totalLayers: this.#reached.size })
      await this.#layer(name)
    }
    for (const name of await this.#home.store.list('states')) {
      if (!/^[0-9a-f]{32}$/.test(name)) this.#unknown('states', name)
    }
    const clean = this.#findings.every(({ severity }) => severity === 'leftover' || severity === 'note')
    const findings = this.#blind ? this.#findings.map(keptAsLongAsBlind) : this.#findings
    return { clean, findings, checked: this.#checked }
  }

  async #box(name: string): Promise<void> {
    if (this.#setAside('boxes', name, /^[0-9a-f]{32}\.json$/)) return
    const id = name.slice(0, -RECORD_SUFFIX.length)
    const reading = await this.#home.look(id)
    if (reading.kind === 'absent') return
    this.#checked.boxes++
    if (reading.kind === 'damaged') {
      this.#blind = true
      this.#damage('boxes', name, id, reading.error.message)
      return
    }
    const { record } = reading
    if (record.pending !== null) {
      this.#add('unfinished', 'boxes', name, id, 'a snapshot of this box was interrupted', 'the box is recovered')
    }
    for (const snapshot of record.snapshots) {
      this.#checked.snapshots++
      const virtualSizeBytes = await this.#chain(snapshot.layer, id, `snapshot '${snapshot.name}'`)
      if (virtualSizeBytes !== null && String(virtualSizeBytes) !== snapshot.virtualSizeBytes) {
        const said = `snapshot '${snapshot.name}' is said to have ${snapshot.virtualSizeBytes} bytes`
        this.#damage('layers', snapshot.layer, id, `${said}, its layer has ${virtualSizeBytes}`)
      }
    }
    await this.#chain(record.live, id, 'the disk')
    await this.#noteOwner(record)
  }

  /** The live layer of a box that someone has may change while it is looked at. */
  async #noteOwner(record: BoxRecord): Promise<void> {
    const lock = await this.#home.store.lock({ kind: 'box', id: record.id })
    if (lock !== null) await lock.release()
    else this.#busyLayers.add(record.live)
  }

  async #image(name: string): Promise<void> {
    if (this.#setAside('images', name, /^[0-9a-f]{64}\.json$/)) return
    const id = name.slice(0, -RECORD_SUFFIX.length)
    try {
      const record = await this.#home.readImage(id)
      if (record === null) return
      this.#checked.images++
      await this.#chain(record.layer, null, `image '${id}'`)
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
      this.#checked.images++
      this.#blind = true
      this.#damage('images', name, null, error.message)
    }
  }

  /** Walks a chain; the virtual size of its top, or null when it does not open. */
  async #chain(top: string, boxId: string | null, whose: string): Promise<number | null> {
    try {
      for (const name of await this.#chains.names(top)) this.#reached.add(name)
      return (await this.#chains.facts(top)).virtualSizeBytes
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
      this.#blind = true
      this.#damage('layers', top, boxId, `${whose} does not open: ${error.message}`)
      return null
    }
  }

  #layerName(name: string): void {
    if (name.endsWith(TEMPORARY_SUFFIX)) this.#leftover('layers', name, 'a temporary file')
    else if (!isLayerName(name)) this.#unknown('layers', name)
    else if (!this.#reached.has(name)) this.#leftover('layers', name, 'a layer that nothing reaches')
  }

  async #layer(name: string): Promise<void> {
    if (layerFormat(name) === 'raw') return
    if (this.#busyLayers.has(name)) {
      this.#add('note', 'layers', name, null, 'its box is in use: not checked', null)
      return
    }
    this.#checked.layers++
    const file = await this.#home.store.openLayer(name, 'read')
    try {
      const report = await checkImage(file, { signal: this.#options.signal })
      const errors = report.corruptions + report.checkErrors
      if (errors > 0) this.#damage('layers', name, null, `the image has ${errors} errors: ${report.findings[0] ?? ''}`)
      else if (report.leaks > 0) this.#add('note', 'layers', name, null, `${report.leaks} clusters are allocated and not used`, null)
    } catch (error) {
      if (!isBoxLiteError(error) || error.code === 'aborted') throw error
      this.#damage('layers', name, null, error.message)
    } finally {
      await file.close()
    }
  }

  /** Whether `name` is no record: a temporary file, or a name that is not ours. */
  #setAside(directory: Directory, name: string, ours: RegExp): boolean {
    if (ours.test(name)) return false
    if (name.endsWith(TEMPORARY_SUFFIX)) this.#leftover(directory, name, 'a temporary file')
    else this.#unknown(directory, name)
    return true
  }

  #damage(directory: Directory, name: string, boxId: string | null, message: string): void {
    this.#add('damage', directory, name, boxId, message, null)
  }

  #leftover(directory: Directory, name: string, what: string): void {
    this.#add('leftover', directory, name, null, what, 'it is deleted')
  }

  #unknown(directory: Directory, name: string): void {
    this.#add('note', directory, name, null, 'not a name of this home: it stays', null)
  }

  #add(severity: FsckSeverity, directory: Directory, name: string, boxId: string | null, message: string, repair: string | null): void {
    this.#findings.push({ severity, directory, name, boxId, message, repair })
  }
}

/** Nothing is deleted while something cannot be read: it may be what reaches this. */
function keptAsLongAsBlind(finding: FsckFinding): FsckFinding {
  if (finding.severity !== 'leftover') return finding
  return { ...finding, message: `${finding.message}, as far as can be read; it stays`, repair: null }
}
