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

  /** Runs `work` when its turn comes, and resolves with what it gives; `NoTurn` where none comes. */
  async run(work) {
    if (this.#closed) throw new NoTurn('The server is shutting down')
    if (this.#queue.length >= this.#options.waiting && !this.#isFree()) throw new NoTurn('Too many others are waiting')
    await new Promise((begin, refuse) => {
      this.#queue.push({ begin, refuse })
      this.#next()
    })
    try {
      return await work()
    } finally {
      this.#active--
      this.#sinceRest++
      if (this.#active === 0 && this.#isRestDue()) await this.#rest()
      if (this.#active === 0) this.#ended()
      this.#next()
    }
  }

  /** Turns away whoever waits and whoever comes; resolves when those that run have ended. */
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
