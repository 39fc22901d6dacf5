// A disk that forgets. Every file and directory has the state that programs see (`now`) and the states
// that a power cut may leave (`variants`): each effect that was not synced may be there or not,
// independently of every other, a write also in part. A sync leaves one variant. Everything is immutable
// but the table of nodes, so a world is forked by copying that table.
//
//   write       data and length are two effects: data that the length does not cover, length without data
//   torn        any set of sectors of a small write; prefixes, suffixes and one mix of a large one; 512 and 4096
//   directory   each rename, create and unlink may be lost alone; a rename across directories is two effects
//   fsync       of a file says nothing about its name. After one that failed nothing in that file becomes
//               durable any more: the kernel may have marked its pages clean

import { SECTOR_BYTES, type Content, type PatchMemo } from './content.ts'
import { hashText, mix } from './hash.ts'

/** Which persistence model a state needs. Ordered: a variant made of two models counts as the wilder one. */
export const Tear = { NONE: 0, LENGTH: 1, TORN_4096: 2, TORN_512: 3 } as const
export type Tear = (typeof Tear)[keyof typeof Tear]

/** One name of a directory, with its hash. */
export interface Entry {
  readonly node: number
  readonly low: number
  readonly high: number
}

/** The names in a directory, immutable. */
export class Names {
  static readonly EMPTY: Names = new Names(new Map())
  readonly entries: ReadonlyMap<string, number>
  /** The same, for hashing. */
  readonly hashed: readonly Entry[]
  readonly low: number
  readonly high: number

  constructor(entries: ReadonlyMap<string, number>) {
    this.entries = entries
    let low = 0x4d2
    let high = 0x162e
    const hashed: Entry[] = []
    for (const [name, node] of entries) {
      const hash = hashText(name)
      low = (low + mix(hash.low, node)) | 0
      high = (high + mix(hash.high, node)) | 0
      hashed.push({ node, low: hash.low, high: hash.high })
    }
    this.hashed = hashed
    this.low = low
    this.high = high
  }

  with(name: string, node: number): Names {
    return this.entries.get(name) === node ? this : new Names(new Map(this.entries).set(name, node))
  }

  without(name: string): Names {
    if (!this.entries.has(name)) return this
    const entries = new Map(this.entries)
    entries.delete(name)
    return new Names(entries)
  }
}

/** A symbolic link; nothing of ours makes one. */
export class Link {
  readonly target: string
  readonly low: number
  readonly high: number

  constructor(target: string) {
    this.target = target
    const hash = hashText(target)
    this.low = mix(hash.low, 7)
    this.high = mix(hash.high, 7)
  }
}

export type NodeState = Content | Names | Link

export interface Variant {
  readonly state: NodeState
  readonly tear: Tear
}

export interface Node {
  readonly now: NodeState
  /** The first is `now`; there is one alone when everything was synced. */
  readonly variants: readonly Variant[]
  /** A sync of it failed. */
  readonly doomed: boolean
}

export const ROOT = 0

/** How far subsets are followed. Beyond it the states that are kept are chosen by their hash: seeded, and the same each time. */
export interface Bounds {
  readonly variantsPerNode: number
  readonly imagesPerPoint: number
  readonly seed: number
}

export class World {
  nodes: Map<number, Node>
  #next: number
  /** Off: no variants are kept, for runs that will not be cut. */
  tracking: boolean
  readonly bounds: Bounds
  /** How many variants were dropped at `variantsPerNode`; 0 means that every subset was followed. */
  dropped = 0
  /** States of the whole disk since the last sync: what an ordered disk may leave. */
  ordered: ReadonlyMap<number, Node>[] = []
  /** Called after every effect that changes what a crash may leave: here a run is cut. */
  onEffect: (() => void) | null = null

  constructor(bounds: Bounds, nodes?: Map<number, Node>, next?: number) {
    this.bounds = bounds
    this.nodes = nodes ?? new Map([[ROOT, settled(Names.EMPTY)]])
    this.#next = next ?? 1 + Math.max(...this.nodes.keys())
    this.tracking = true
  }

  fork(bounds = this.bounds): World {
    const copy = new World(bounds, new Map(this.nodes), this.#next)
    copy.tracking = this.tracking
    copy.ordered = this.ordered.slice()
    return copy
  }

  /** The same world with nothing left to lose. */
  settle(): void {
    for (const [id, node] of this.nodes) if (node.variants.length > 1 || node.doomed) this.nodes.set(id, settled(node.now))
    this.ordered = []
  }

  node(id: number): Node {
    return this.nodes.get(id)!
  }

  names(id: number): Names {
    return this.node(id).now as Names
  }

  content(id: number): Content {
    return this.node(id).now as Content
  }

  add(state: NodeState): number {
    const id = this.#next++
    this.nodes.set(id, settled(state))
    return id
  }

  write(id: number, offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length
    const grown = (content: Content): number => Math.max(content.length, end)
    const memo: PatchMemo = new Map()
    const whole = (state: NodeState): Content => {
      const content = state as Content
      return content.write(offset, bytes, 0, bytes.length, memo).resize(grown(content))
    }
    this.#change(id, whole, (state, add) => {
      const content = state as Content
      if (grown(content) > content.length) {
        add(content.write(offset, bytes, 0, bytes.length, memo), Tear.NONE)
        add(content.resize(grown(content)), Tear.LENGTH)
      }
      tear(content, offset, bytes, this.bounds.seed, memo, (torn, how) => add(torn.resize(grown(content)), how))
    })
  }

  truncate(id: number, length: number): void {
    this.#change(id, (state) => (state as Content).resize(length))
  }

  /** One effect on the names of a directory, which happens as a whole or not at all. */
  rename(id: number, change: (names: Names) => Names): void {
    this.#change(id, (state) => change(state as Names))
  }

  sync(id: number): void {
    const node = this.node(id)
    if (node.doomed || node.variants.length === 1) return
    this.nodes.set(id, settled(node.now))
    this.ordered = []
    this.onEffect?.()
  }

  /** A sync that failed: what was not durable may never be. */
  syncFailed(id: number): void {
    const node = this.node(id)
    if (node.variants.length > 1) this.nodes.set(id, { ...node, doomed: true })
  }

  #change(id: number, apply: (state: NodeState) => NodeState, parts?: (state: NodeState, add: (state: NodeState, how: Tear) => void) => void): void {
    const node = this.node(id)
    const now = apply(node.now)
    if (now === node.now) return
    if (!this.tracking) {
      this.nodes.set(id, settled(now))
      return
    }
    if (this.ordered.length < 64) this.ordered.push(new Map(this.nodes))
    const variants = new VariantList()
    variants.add(now, Tear.NONE)
    for (const variant of node.variants) {
      variants.add(apply(variant.state), variant.tear)
      variants.add(variant.state, variant.tear)
      // With many variants already, only the newest is torn: the others would be dropped again.
      if (variants.list.length > this.bounds.variantsPerNode && variant !== node.variants[0]) continue
      parts?.(variant.state, (state, how) => variants.add(state, Math.max(how, variant.tear) as Tear))
    }
    this.dropped += variants.bound(this.bounds)
    this.nodes.set(id, { now, variants: variants.list, doomed: node.doomed })
    this.onEffect?.()
  }
}

export function settled(state: NodeState): Node {
  return { now: state, variants: [{ state, tear: Tear.NONE }], doomed: false }
}

class VariantList {
  list: Variant[] = []

  add(state: NodeState, tear: Tear): void {
    const { low, high } = state
    for (let i = 0; i < this.list.length; i++) {
      const have = this.list[i]!
      if (have.state !== state && (have.state.low !== low || have.state.high !== high)) continue
      if (tear < have.tear) this.list[i] = { state: have.state, tear }
      return
    }
    this.list.push({ state, tear })
  }

  /** Keeps the newest and, of the rest, those whose hash is smallest; returns how many went. */
  bound(bounds: Bounds): number {
    const excess = this.list.length - bounds.variantsPerNode
    if (excess <= 0) return 0
    const [newest, ...rest] = this.list
    const rank = (variant: Variant): number => mix(variant.state.low, bounds.seed) >>> (variant.tear === Tear.NONE ? 4 : 0)
    rest.sort((a, b) => rank(a) - rank(b))
    this.list = [newest!, ...rest.slice(0, bounds.variantsPerNode - 1)]
    return excess
  }
}

/** The states that a write torn at 512 and at 4096 bytes may leave of `content`; lengths are left as they are. */
function tear(content: Content, offset: number, bytes: Uint8Array, seed: number, memo: PatchMemo, add: (torn: Content, how: Tear) => void): void {
  for (const unit of [4096, SECTOR_BYTES]) {
    const cuts: number[] = [0]
    for (let at = unit - (offset % unit); at < bytes.length; at += unit) cuts.push(at)
    if (cuts.length === 1) continue
    cuts.push(bytes.length)
    const parts = cuts.length - 1
    const how = unit === SECTOR_BYTES ? Tear.TORN_512 : Tear.TORN_4096
    for (const mask of tearMasks(parts, seed + offset)) {
      let torn = content
      for (let i = 0; i < parts; i++) if (mask(i)) torn = torn.write(offset, bytes, cuts[i], cuts[i + 1], memo)
      add(torn, how)
    }
  }
}

function tearMasks(parts: number, seed: number): ((part: number) => boolean)[] {
  const masks: ((part: number) => boolean)[] = []
  if (parts <= 3) {
    for (let set = 1; set < (1 << parts) - 1; set++) masks.push((part) => (set & (1 << part)) !== 0)
    return masks
  }
  const half = parts >> 1
  masks.push((part) => part === 0, (part) => part !== 0, (part) => part < half, (part) => part >= half)
  masks.push((part) => part !== parts - 1, (part) => (mix(part, seed) & 1) === 0)
  return masks
}
