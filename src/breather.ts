// Work in many small steps that never wait for anything keeps the platform from everything else, and in a page from the person.

/** A frame of a page is 16 ms; what else there is to do in one needs some of them. */
const SLICE_MS = 10

export class Breather {
  #sinceMs = performance.now()

  /** Lets the platform do what is due, where the work has gone on for long since the last time. */
  async pause(): Promise<void> {
    if (performance.now() - this.#sinceMs < SLICE_MS) return
    await new Promise<void>((resolve) => void setTimeout(resolve, 0))
    this.#sinceMs = performance.now()
  }
}
