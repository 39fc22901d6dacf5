// What must be in a box whose guest was writing when its page died, by what it had said.

/** Files by name, each with the SHA-256 of what it holds. */
export type Files = ReadonlyMap<string, string>

interface SnapshotModel {
  /** Those that were flushed when it was asked for; there may be more. */
  readonly files: Files
  /** Of the whole disk; null: nobody read it yet. */
  digest: string | null
}

export class GuestModel {
  #files: Files = new Map()
  readonly #snapshots = new Map<string, SnapshotModel>()
  /** Made or removed, and the page died before it said so. */
  #open: { readonly verb: 'create' | 'remove'; readonly name: string; readonly files: Files } | null = null
  /** The files that are right too, because the page died while it went back to a snapshot. */
  #orElse: Files | null = null
  acknowledged = 0
  /** What the page said before it died, line by line. */
  lastSaid: readonly string[] = []

  get snapshotNames(): readonly string[] {
    return [...this.#snapshots.keys()]
  }

  /** Takes what was said until the page died. */
  replay(said: readonly string[]): void {
    this.lastSaid = said
    let before: Files = this.#files
    let under: readonly string[] = []
    for (const line of said) {
      const [mark, ...words] = line.split(' ')
      if (mark === '>') [under, before] = [words, this.#files]
      if (mark === '=') this.#snapshots.get(words[0]!)!.digest = words[1]!
      if (mark === '<') this.#done(words, before)
      // The guest writes on by itself, whatever else is under way.
      if (mark === '!' || (mark === '<' && words[0] !== 'file')) under = []
    }
    const [verb, name] = under
    if (verb === 'create' || verb === 'remove') this.#open = { verb, name: name!, files: before }
    if (verb === 'restore') this.#orElse = this.#snapshots.get(name!)!.files
  }

  #done([verb, name, digest]: readonly string[], before: Files): void {
    this.acknowledged++
    if (verb === 'read') return
    if (verb === 'file') this.#files = new Map([...this.#files, [name!, digest!]])
    else if (verb === 'create') this.#snapshots.set(name!, { files: before, digest: null })
    else if (verb === 'remove') this.#snapshots.delete(name!)
    else if (verb === 'restore') this.#files = this.#snapshots.get(name!)!.files
    else throw new Error(`the guest's worker said '${verb}'`)
  }

  /** Goes back to a snapshot, as it was just done. */
  restored(name: string): void {
    this.#files = this.#snapshots.get(name)!.files
    this.#orElse = null
  }

  /** What is wrong with the snapshots that were found, by their digests. What nobody knew is adopted. */
  objections(found: Readonly<Record<string, string>>): string[] {
    if (this.#open !== null) {
      const { verb, name, files } = this.#open
      if (verb === 'create' && name in found) this.#snapshots.set(name, { files, digest: null })
      if (verb === 'remove' && !(name in found)) this.#snapshots.delete(name)
      this.#open = null
    }
    const objections = Object.keys(found).flatMap((name) => (this.#snapshots.has(name) ? [] : [`the snapshot ${name} should not be there`]))
    for (const [name, snapshot] of this.#snapshots) {
      const digest = found[name]
      if (digest === undefined) objections.push(`the snapshot ${name} is gone`)
      else if (snapshot.digest !== null && digest !== snapshot.digest) objections.push(`the snapshot ${name} reads otherwise than when it was made`)
      else snapshot.digest = digest
    }
    return objections
  }

  /** What is wrong with the files that the guest has. What is there now was read from its disk, and is there to stay. */
  fileObjections(found: Files): string[] {
    const objections = differences(this.#files, found)
    const others = this.#orElse === null ? null : differences(this.#orElse, found)
    this.#files = found
    this.#orElse = null
    return others?.length === 0 ? [] : objections
  }

  /** Every file is gone, durably. */
  cleared(): void {
    this.#files = new Map()
  }
}

/** What of `wanted` is not in `found`. */
function differences(wanted: Files, found: Files): string[] {
  return [...wanted].flatMap(([name, digest]) => {
    const real = found.get(name)
    if (real === undefined) return [`the flushed file ${name} is gone`]
    return real === digest ? [] : [`the flushed file ${name} holds something else`]
  })
}
