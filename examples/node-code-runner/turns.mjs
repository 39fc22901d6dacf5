// Who may run now, who waits, and who is turned away.

/** There is no turn to be had: too many wait, or the place is closing. */
export class NoTurn extends Error {}

/**
 * Lets `atOnce` pieces of work run at the same time and `waiting` more wait. After every `restEvery` of them nobody new begins until
 * all have ended and `rest`, which has the place to itself and never rejects, is through.
 */
export class Turns {
  #options
  #queue = []
  #active = 0
  #sinceRest = 0
  #closed = false
  #ended = () => {}

  constructor(options) {
    this.#options = options
  }

  /** Runs `work` when its turn comes, and resolves with what it gives; `NoTurn` where none comes. An abort of `signal` ends the waiting. */
  async run(work, signal) {
    if (this.#closed) throw new NoTurn('The server is shutting down')
    if (this.#queue.length >= this.#options.waiting && !this.#isFree()) throw new NoTurn('Too many others are waiting')
    await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#sinceRest++
      // The last one rests before it leaves, so that whoever waits for the end waits for the rest, too.
      if (this.#active === 1 && this.#isRestDue()) await this.#rest()
      this.#active--
      if (this.#active === 0) this.#ended()
      this.#next()
    }
  }

  /** Resolves when a turn has come. Who gave up leaves its place to the next. */
  async #turn(signal) {
    const place = {}
    const turn = new Promise((begin, refuse) => Object.assign(place, { begin, refuse }))
    const giveUp = () => {
      this.#queue = this.#queue.filter((other) => other !== place)
      place.refuse(signal.reason)
    }
    signal.addEventListener('abort', giveUp)
    this.#queue.push(place)
    this.#next()
    try {
      await turn
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /** Turns away whoever waits and whoever comes; resolves when those that run have ended, and the rest is over that was due. */
  async close() {
    this.#closed = true
    for (const { refuse } of this.#queue.splice(0)) refuse(new NoTurn('The server is shutting down'))
    if (this.#active > 0) await new Promise((resolve) => (this.#ended = resolve))
  }

  #next() {
    while (this.#queue.length > 0 && this.#isFree()) {
      this.#active++
      this.#queue.shift().begin()
    }
  }

  async #rest() {
    await this.#options.rest()
    this.#sinceRest = 0
  }

  #isFree() {
    return this.#active < this.#options.atOnce && !this.#isRestDue()
  }

  #isRestDue() {
    return this.#sinceRest >= this.#options.restEvery
  }
}
