// Runs Python that nobody trusts: each piece in a machine of its own, cloned from a prepared one and gone afterwards.
import { BoxLite, isBoxLiteError } from 'boxlite'
import { Turns } from './turns.mjs'

/** What a piece of code may use at most. */
const defaults = {
  timeLimitMs: 10_000,
  outputLimitBytes: 64 * 1024,
  memoryMib: 128,
  diskSizeGb: 0.5,
  machines: 2,
  waiting: 8,
}

/** So many boxes come and go before their space is given back. */
const pruneEvery = 20

const PREPARED = 'prepared'
const READY = 'ready'

export class CodeRunner {
  #lite
  #prepared
  #limits
  #turns

  /** Opens the home, which is the runner's alone, and prepares the box that others are cloned from. */
  static async open({ homeDir, ...limits }) {
    const lite = await BoxLite.open({ homeDir })
    try {
      await removeLeftovers(lite)
      return new CodeRunner(lite, await prepare(lite, { ...defaults, ...limits }), { ...defaults, ...limits })
    } catch (error) {
      await lite.close()
      throw error
    }
  }

  constructor(lite, prepared, limits) {
    this.#lite = lite
    this.#prepared = prepared
    this.#limits = limits
    this.#turns = new Turns({ atOnce: limits.machines, waiting: limits.waiting, restEvery: pruneEvery, rest: () => prune(lite) })
  }

  /** What runs the machines. */
  get engine() {
    return this.#lite.engine.name
  }

  /** Runs a program when its turn comes. Resolves with its output and how it ended; an abort of `signal` ends it and its machine. */
  run(program, { signal }) {
    const { timeLimitMs, outputLimitBytes } = this.#limits
    const options = { user: 'box', cwd: '/home/box', stdin: program, timeoutMs: timeLimitMs, maxOutputBytes: outputLimitBytes, signal }
    const work = async () => {
      signal.throwIfAborted()
      const box = await this.#prepared.clone({ snapshot: READY })
      try {
        return await box.exec('python3', ['-'], options)
      } finally {
        await box.remove({ force: true })
      }
    }
    return this.#turns.run(work, signal)
  }

  /** Lets what runs come to its end, and takes no more. */
  async close() {
    await this.#turns.close()
    await this.#lite.close()
  }
}

/** A box with all that the code may import, and a snapshot of it to clone; made once, and found by the next start. */
async function prepare(lite, { memoryMib, diskSizeGb }) {
  const { box } = await lite.getOrCreate({ name: PREPARED, image: 'python', memoryMib, diskSizeGb })
  if ((await box.snapshot.get(READY)) !== null) return box
  // What is imported here once is compiled for all clones. Copy packages into the box here as well: box.files.copyIn.
  await box.exec('python3', ['-c', 'import collections, datetime, functools, itertools, json, math, random, re, statistics']).orThrow()
  await box.stop()
  await box.snapshot.create(READY)
  return box
}

/** Boxes of a server that was killed. */
async function removeLeftovers(lite) {
  for (const { id, name } of await lite.list()) {
    if (name !== PREPARED) await lite.remove(id, { force: true })
  }
  await prune(lite)
}

/** Gives back what the boxes that went have left. No reason to fail anybody's request. */
async function prune(lite) {
  try {
    await lite.prune()
  } catch (error) {
    // `busy`: another program looks into the home; the next time then.
    if (!isBoxLiteError(error, 'busy')) console.error(error)
  }
}
