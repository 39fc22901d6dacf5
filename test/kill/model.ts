// What must be there, by what those said who were killed.

import type { BoxSurvey, Content, Survey } from './survey.ts'

/** Words of a line. */
type Words = readonly string[]

interface BoxModel {
  live: Content
  readonly snapshots: Map<string, Content>
}

/** Content that an unfinished call left open is read and adopted. */
export class Model {
  readonly #boxes = new Map<string, BoxModel>()
  acknowledged = 0

  constructor(survey: Survey) {
    for (const [name, { live }] of Object.entries(survey)) this.#boxes.set(name, { live, snapshots: new Map() })
  }

  get boxCount(): number {
    return this.#boxes.size
  }

  /** What a survey has to say. */
  get expected(): Survey {
    const survey: Record<string, BoxSurvey> = {}
    for (const [name, { live, snapshots }] of this.#boxes) survey[name] = { live, snapshots: Object.fromEntries(snapshots) }
    return survey
  }

  /** Takes what one said until it was killed; answers what it was in the middle of, or null. */
  replay(said: readonly string[]): Words | null {
    let under: Words | null = null
    for (const line of said) {
      const [mark, ...words] = line.split(' ')
      if (mark === '>') under = words
      if (mark === '<') this.#done(words)
      if (mark === '<' || mark === '!') under = null
    }
    return under
  }

  #box(name: string): BoxModel {
    const box = this.#boxes.get(name)
    if (box === undefined) throw new Error(`someone worked on a box that is not there: ${name}`)
    return box
  }

  #done([verb, name, ...rest]: Words): void {
    this.acknowledged++
    if (verb === 'prune') return
    if (verb === 'drop') {
      this.#boxes.delete(name!)
      return
    }
    const box = this.#box(name!)
    if (verb === 'write') box.live = box.live.with(Number(rest[0]), rest[1]!)
    else if (verb === 'create') box.snapshots.set(rest[0]!, box.live)
    else if (verb === 'remove') box.snapshots.delete(rest[0]!)
    else if (verb === 'restore') box.live = box.snapshots.get(rest[0]!)!
    else if (verb === 'clone') this.#boxes.set(rest[0]!, { live: rest[1] ? box.snapshots.get(rest[1])! : box.live, snapshots: new Map() })
    else throw new Error(`someone said '${verb}'`)
  }

  /** Makes up its mind about what one was killed in the middle of: both outcomes are right, a third is not. */
  settle(words: Words, found: Survey): void {
    const [verb, name, ...rest] = words
    if (verb === 'prune') return
    const real = found[verb === 'clone' ? rest[0]! : name!]
    if (verb === 'drop' || verb === 'clone') {
      if ((verb === 'drop') === (real === undefined)) this.#done(words)
      return
    }
    const isListed = real!.snapshots[rest[0]!] !== undefined
    if (verb === 'create' && isListed) this.#done(words)
    if (verb === 'remove' && !isListed) this.#done(words)
    if (verb === 'write') {
      // A block that was being written may hold anything of the two; the others are not touched.
      const box = this.#box(name!)
      const block = Number(rest[0])
      box.live = box.live.with(block, real!.live[block]!)
    }
    if (verb === 'restore' && real!.live.join() === this.#box(name!).snapshots.get(rest[0]!)!.join()) this.#done(words)
  }
}
