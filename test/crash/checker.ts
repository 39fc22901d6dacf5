// The crash checker. It cuts a run after every effect, under every persistence model, judges each disk
// that may be left, lets the shipped recovery loose on it, cuts that too (twice over), and judges again.
//
//   cut -+- kill      the process dies, the page cache and detached machines live on
//        +- power     any image of images.ts; every machine is dead
//   job:  judge - recover every box - collect - judge, tidy - recover again: nothing changes - retry
//
// A state is counted once: the image of the disk together with what must be on it (the acknowledged
// history). Judging goes by finer keys (how deep in recovery, what lives on), so more is judged than counted.

import type { Core } from '../../src/core/core.ts'
import { HashSet, mix, type Hash } from './hash.ts'
import { directoryOf, guestBytes, Violation, type GuestBytes } from './image-reader.ts'
import { visibleHash, visitImages, type Model } from './images.ts'
import { judge, judgeMachines, judgeTidy, type Seen } from './judge.ts'
import type { Machines } from './machines.ts'
import { isRefusal, Run, type Process, type Wrappers } from './run.ts'
import { Expectation, type BoxTruth, type Task } from './truth.ts'
import type { World } from './world.ts'

/** How often recovery is cut on the way to a judged state. */
const DEPTH_LIMIT = 2

interface Job {
  readonly run: Run
  readonly killed: boolean
  readonly depth: number
  readonly context: Context
  readonly model: Model
  readonly hash: string
  /** Effects of the run, and of recoveries that were cut, up to here. */
  readonly trail: readonly string[]
}

/** What the jobs of one cut operation have in common. */
export interface Context {
  /** For the counts: the operation's kind. */
  readonly operation: string
  /** How the scenario is called; replays it. */
  readonly scenario: string
  /** The interrupted operation with fresh ids, to be tried by the user again. */
  readonly again: Task | null
}

export interface Failure {
  readonly replay: string
  readonly invariant: number
  readonly message: string
  readonly trace: readonly string[]
}

export type Counts = Record<string, Partial<Record<Model, number>>>

export class Checker {
  readonly core: Core
  readonly failures: Failure[] = []
  readonly counts: Counts = {}
  /** States that were counted: hashes of image and acknowledged history. */
  readonly states = new HashSet()
  /** How many recoveries were run to the end. */
  recoveries = 0
  readonly #explored = new HashSet()
  readonly #stable = new HashSet()
  readonly #retried = new HashSet()
  #queue: Job[] = []
  /** Stop cutting when this many states were counted. */
  enough = Number.POSITIVE_INFINITY
  /** Called with the hash of each state when it is counted. */
  onState: ((hash: Hash) => void) | null = null
  /** Called with every disk that is judged, before recovery touches it. */
  onDisk: ((world: World, context: Context, model: Model) => void) | null = null
  /** Changes what a recovering process does: the mutants. */
  wrap: (run: Run, wrappers: Wrappers) => Wrappers = (_run, wrappers) => wrappers
  readonly #failureLimit: number

  constructor(core: Core, failureLimit = 20) {
    this.core = core
    this.#failureLimit = failureLimit
  }

  get isDone(): boolean {
    return this.failures.length >= this.#failureLimit || this.states.size >= this.enough
  }

  /** From now on `run` is cut after each of its effects; `trail` grows as its calls are made. */
  watch(run: Run, context: Context, trail: string[]): void {
    run.world.onEffect = () => this.#cut(run, context, trail, 0)
  }

  /** Cuts `run` once, as it is now. */
  cutHere(run: Run, context: Context, trail: readonly string[]): void {
    this.#cut(run, context, trail, 0)
  }

  /** Judges everything that was cut off so far, and what their recoveries leave when they are cut. */
  async drain(): Promise<void> {
    while (this.#queue.length > 0 && this.failures.length < this.#failureLimit) await this.#judge(this.#queue.pop()!)
    this.#queue = []
  }

  report(context: Context, error: unknown, trace: readonly string[], hash = ''): void {
    const violation = error instanceof Violation ? error : null
    this.failures.push({
      replay: `${context.scenario}${hash === '' ? '' : `@${hash}`}`,
      invariant: violation?.invariant ?? 0,
      message: violation?.message ?? String(error instanceof Error ? (error.stack ?? error.message) : error),
      trace,
    })
  }

  #cut(run: Run, context: Context, trail: readonly string[], depth: number): void {
    if (this.isDone) return
    const { expected } = run
    this.#kill(run, expected, context, trail, depth)
    visitImages(run.world, (low, high, model, build) => {
      this.#count(low, high, expected, context, model)
      if (!this.#isNew(low, high, expected, depth, 0)) return
      const world = build()
      this.#queue.push({ run: new Run(world, expected), killed: false, depth, context, model, hash: name(low, high), trail: [...trail] })
    })
  }

  #kill(run: Run, expected: Expectation, context: Context, trail: readonly string[], depth: number): void {
    const { low, high } = visibleHash(run.world)
    this.#count(low, high, expected, context, 'kill')
    const rest = looseHash(run.world) ^ run.machines.hash
    // Nothing loose, no machine that lives on: no different from a power cut. Cut twice: what a third process finds was found by the second.
    if (rest === 0 || depth >= DEPTH_LIMIT) return
    if (!this.#isNew(low, high, expected, depth, rest | 1)) return
    const world = run.world.fork()
    const next = new Run(world, expected, run.machines.outliving(world))
    this.#queue.push({ run: next, killed: true, depth, context, model: 'kill', hash: name(low, high), trail: [...trail] })
  }

  #count(low: number, high: number, expected: Expectation, context: Context, model: Model): void {
    const hash = { low: low ^ expected.low, high: high ^ expected.high }
    if (!this.states.add(hash.low, hash.high)) return
    this.onState?.(hash)
    const counts = (this.counts[context.operation] ??= {})
    counts[model] = (counts[model] ?? 0) + 1
  }

  /** Whether a state is still to be judged here. One whose recovery was cut needs no second look where it would not be. */
  #isNew(low: number, high: number, expected: Expectation, depth: number, rest: number): boolean {
    const key = (leaf: number): [number, number] => [mix(low ^ expected.low, rest * 2 + leaf), mix(high ^ expected.high, rest ^ 0x2545f491)]
    if (depth < DEPTH_LIMIT) return this.#explored.add(...key(0))
    return !this.#explored.has(...key(0)) && this.#explored.add(...key(1))
  }

  async #judge(job: Job): Promise<void> {
    const trail = [...job.trail, `-- ${job.killed ? 'the process is killed' : `power cut (${job.model})`} --`]
    try {
      this.onDisk?.(job.run.world, job.context, job.model)
      const before = judge(job.run.world, job.run.expected)
      await this.#recover(job, before, trail)
    } catch (error) {
      this.report(job.context, error, [...trail, ...describeDisk(job.run.world)], job.hash)
    }
  }

  async #recover(job: Job, before: Seen, trail: string[]): Promise<void> {
    const { run } = job
    const base = job.killed ? run.expected : narrowed(before)
    const next = new Run(run.world, base, run.machines)
    next.world.tracking = job.killed || job.depth < DEPTH_LIMIT
    if (job.depth < DEPTH_LIMIT) next.world.onEffect = () => this.#cut(next, job.context, trail, job.depth + 1)
    const process = next.process(this.core, this.wrap(next, tracing(trail)))
    await recoverBoxes(next, process)
    if (job.killed && job.depth === 0) this.#goOn(next, before, job, trail)
    await next.perform(process, { kind: 'collect', dryRun: false })
    await process.locks.close()
    next.world.onEffect = null
    this.recoveries++
    const after = judge(next.world, next.expected)
    judgeSame(before, after)
    judgeTidy(next.world, after)
    judgeMachines(after, next.machines.alive)
    await this.#again(next, after, job, trail)
  }

  /** What was recovered must be good to go on with: a page written and flushed to a stopped box outlives any power cut. */
  #goOn(run: Run, before: Seen, job: Job, trail: readonly string[]): void {
    const world = run.world.fork()
    const next = new Run(world, over(job.run.expected, narrowedAlive(before, run.machines)))
    for (const [boxId, seen] of before.boxes) {
      if (seen.record.machine !== null) return
      next.machines.launch(boxId, { pid: 1, startTime: '', bootId: '', nonce: boxId, detached: false }, seen.record.live)
    }
    for (const { record } of next.machines.alive) {
      next.machines.issue(record.nonce)
      next.machines.flush(record.nonce, next)
    }
    visitImages(world, (low, high, model, build) => {
      if (!this.#isNew(low, high, next.expected, DEPTH_LIMIT, 2)) return
      const image = build()
      try {
        judge(image, next.expected)
      } catch (error) {
        const told = [...trail, 'a page is written to every box and flushed', `-- power cut (${model}) --`, ...describeDisk(image)]
        this.report(job.context, error, told, job.hash)
      }
    })
  }

  /** A second recovery changes nothing; the user's retry succeeds or is refused, and destroys nothing. */
  async #again(run: Run, after: Seen, job: Job, trail: string[]): Promise<void> {
    const { low, high } = visibleHash(run.world)
    const truth = job.killed ? over(job.run.expected, narrowedAlive(after, run.machines)) : narrowed(after)
    if (this.#stable.add(low ^ truth.low ^ run.machines.hash, high ^ truth.high)) {
      const world = run.world.fork()
      const second = new Run(world, truth, run.machines.outliving(world))
      const process = second.process(this.core)
      await recoverBoxes(second, process)
      await second.perform(process, { kind: 'collect', dryRun: false })
      const then = visibleHash(second.world)
      if (then.low !== low || then.high !== high) throw new Violation(8, 'a second recovery changed something')
    }
    const { again } = job.context
    if (again === null || !this.#retried.add(mix(low ^ truth.low, mix(hashOf(again), run.machines.hash)), high ^ truth.high)) return
    await this.#retry(run, truth, again, job, trail)
  }

  async #retry(run: Run, truth: Expectation, again: Task, job: Job, trail: string[]): Promise<void> {
    const world = run.world.fork()
    const next = new Run(world, truth, run.machines.outliving(world))
    const process = next.process(this.core)
    try {
      await next.carryOut(process, again)
    } catch (error) {
      if (!isRefusal(error)) throw error
      // However often it was cut short: what the old box was can be told, and is adopted.
      if (again.kind === 'adopt' && error.code !== 'already_exists') throw new Violation(8, `the box is not adopted: ${error.message}`)
    }
    const told = [...trail, `the user tries ${again.kind} again`]
    visitImages(world, (_low, _high, model, build) => {
      const image = build()
      try {
        judge(image, next.expected)
      } catch (error) {
        this.report(job.context, error, [...told, `-- power cut (${model}) --`, ...describeDisk(image)], job.hash)
      }
    })
  }
}

/** Takes every box's lock, which recovers it. */
export async function recoverBoxes(run: Run, process: Process): Promise<void> {
  for (const name of directoryOf(run.world, 'boxes').entries.keys()) {
    if (name.endsWith('.json')) await run.perform(process, { kind: 'recover', boxId: name.slice(0, -5) })
  }
}

/** The one truth that a disk shows after a power cut: there is nothing else left. */
export function narrowed(seen: Seen): Expectation {
  return narrow(seen, (truth, live) => ({ ...truth, live, loose: new Map() }))
}

/** The truth after a process was killed: what was not flushed may still be lost, and a machine that lives knows more than its disk. */
function narrowedAlive(seen: Seen, machines: Machines): Expectation {
  const alive = new Set(machines.alive.map((machine) => machine.boxId))
  return narrow(seen, (truth, live, id) => (alive.has(id) ? truth : { ...truth, live }))
}

/** What is seen is settled by whoever took its lock; what a killed process may have removed can still come back. */
function over(open: Expectation, seen: Expectation): Expectation {
  let all = seen
  for (const [id, alternatives] of open.boxes) if (!seen.boxes.has(id)) all = all.with(id, ...alternatives)
  // Images have no owner: what is seen of them may still go either way.
  for (const [id, alternatives] of open.images) all = all.withImage(id, ...alternatives)
  return all
}

function narrow(seen: Seen, one: (truth: BoxTruth, live: GuestBytes, id: string) => BoxTruth): Expectation {
  let expected = Expectation.EMPTY.withBeside(seen.beside)
  for (const [id, { truth, pages }] of seen.boxes) expected = expected.with(id, one(truth, guestBytes(pages), id))
  for (const [id, bytes] of seen.images) expected = expected.withImage(id, bytes)
  return expected
}

/** Recovery decides nothing anew, but that an unfinished switch of a running machine may be undone. */
function judgeSame(before: Seen, after: Seen): void {
  for (const [id, was] of before.boxes) {
    if (was.record.pending !== null) continue
    const is = after.boxes.get(id)
    if (is === undefined) throw new Violation(8, `recovery removed box ${id}`)
    if (!sameTruth(was.truth, is.truth)) throw new Violation(8, `recovery made another state of box ${id}`)
  }
}

function sameTruth(a: BoxTruth, b: BoxTruth): boolean {
  return a === b || (a.snapshots.size === b.snapshots.size && [...a.snapshots.keys()].every((id) => b.snapshots.has(id)))
}

function looseHash(world: World): number {
  let hash = 0
  for (const [id, node] of world.nodes) {
    if (node.variants.length > 1) for (const variant of node.variants) hash = (hash + mix(id, variant.state.low)) | 0
  }
  return hash
}

const hashes = new Map<Task, number>()

function hashOf(operation: Task): number {
  let hash = hashes.get(operation)
  if (hash === undefined) {
    hash = hashes.size + 1
    hashes.set(operation, hash)
  }
  return hash
}

export function name(low: number, high: number): string {
  return (low >>> 0).toString(16).padStart(8, '0') + (high >>> 0).toString(16).padStart(8, '0')
}

/** A hook that writes down the calls that change something. */
export function tracing(trail: string[]): Wrappers {
  return {
    hook: (call, act) => {
      if (call.changes) trail.push(`${call.name} ${call.path}`)
      return act()
    },
  }
}

/** The names on a disk, for a trace. */
export function describeDisk(world: World): string[] {
  const lines: string[] = []
  for (const directory of ['boxes', 'images', 'layers']) {
    for (const [file, node] of directoryOf(world, directory).entries) {
      const content = world.content(node)
      const text = file.endsWith('.json') ? ` ${new TextDecoder().decode(content.bytes())}` : ''
      lines.push(`   ${directory}/${file} ${content.length} bytes${text}`)
    }
  }
  return lines
}
