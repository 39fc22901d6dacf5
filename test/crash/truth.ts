// What must be: the boxes of a home as their users know them, kept beside every run, and the states
// that may be seen while an answer is outstanding. Immutable, hashed, so that it is part of what tells
// one crash state from another.

import type { Operation } from '../../src/operation/operation.ts'
import { SECTOR_BYTES, type Content, type Page } from './content.ts'
import { hashText, mix } from './hash.ts'
import { guestBytes, type GuestBytes } from './image-reader.ts'

export interface SnapshotTruth {
  readonly name: string
  readonly bytes: GuestBytes
}

export interface BoxTruth {
  readonly name: string | null
  /** What the guest reads now. */
  readonly live: GuestBytes
  /** Pages written since the last flush, with every state that the disk may show of them. */
  readonly loose: ReadonlyMap<number, readonly (Page | null)[]>
  readonly snapshots: ReadonlyMap<string, SnapshotTruth>
}

/** Adopts a box of the home of the prior implementation that lies beside this one. */
export interface Adoption {
  readonly kind: 'adopt'
  readonly oldId: string
  readonly boxId: string
  /** The new ids, in the order in which they are asked for. */
  readonly ids: readonly string[]
  /** The box that comes of it. */
  readonly truth: BoxTruth
}

/** What a process is asked to do. */
export type Task = Operation | Adoption

/** One of several truths; null: the box does not exist. */
export type Alternatives = readonly (BoxTruth | null)[]

/** What may be found on the disk: for each box (by id) and image its alternatives. */
export class Expectation {
  static readonly EMPTY: Expectation = new Expectation(new Map(), new Map(), [])
  readonly boxes: ReadonlyMap<string, Alternatives>
  readonly images: ReadonlyMap<string, readonly (GuestBytes | null)[]>
  /** Files beside the home, each of which has to stay, under whatever name. */
  readonly beside: readonly Content[]
  readonly low: number
  readonly high: number

  constructor(
    boxes: ReadonlyMap<string, Alternatives>,
    images: ReadonlyMap<string, readonly (GuestBytes | null)[]>,
    beside: readonly Content[],
  ) {
    this.boxes = boxes
    this.images = images
    this.beside = beside
    let low = 0
    for (const [id, alternatives] of boxes) for (const truth of alternatives) low = (low + mix(hashText(id).low, hashTruth(truth))) | 0
    for (const [id, alternatives] of images) for (const bytes of alternatives) low = (low + mix(hashText(id).low, bytes?.low ?? 3)) | 0
    this.low = low
    this.high = mix(low, 0x1234567)
  }

  /** The one truth about a box; an error while there are several. */
  box(id: string): BoxTruth | null {
    const alternatives = this.boxes.get(id)
    if (alternatives === undefined) return null
    if (alternatives.length !== 1) throw new Error(`box ${id} has ${alternatives.length} possible states here`)
    return alternatives[0]!
  }

  with(id: string, ...alternatives: (BoxTruth | null)[]): Expectation {
    const boxes = new Map(this.boxes)
    if (alternatives.length === 1 && alternatives[0] === null) boxes.delete(id)
    else boxes.set(id, alternatives)
    return new Expectation(boxes, this.images, this.beside)
  }

  withBeside(beside: readonly Content[]): Expectation {
    return new Expectation(this.boxes, this.images, beside)
  }

  withImage(id: string, ...alternatives: (GuestBytes | null)[]): Expectation {
    const images = new Map(this.images)
    if (alternatives.length === 1 && alternatives[0] === null) images.delete(id)
    else images.set(id, alternatives)
    return new Expectation(this.boxes, images, this.beside)
  }
}

function hashTruth(truth: BoxTruth | null): number {
  if (truth === null) return 1
  let hash = mix(truth.live.low, hashText(truth.name ?? '').low)
  for (const [page, states] of truth.loose) for (const state of states) hash = (hash + mix(page, state?.low ?? 2)) | 0
  for (const [id, snapshot] of truth.snapshots) hash = (hash + mix(hashText(id + snapshot.name).low, snapshot.bytes.low)) | 0
  return hash
}

/** A box after its guest wrote one page. */
export function written(truth: BoxTruth, page: number, bytes: Page | null): BoxTruth {
  const pages = truth.live.pages.slice()
  const before = pages[page] ?? null
  pages[page] = bytes
  const loose = new Map(truth.loose)
  loose.set(page, [...(loose.get(page) ?? [before]), bytes])
  return { ...truth, live: guestBytes(pages), loose }
}

/** A box after a flush was answered: nothing of it may be lost any more. */
export function flushed(truth: BoxTruth): BoxTruth {
  return truth.loose.size === 0 ? truth : { ...truth, loose: new Map() }
}

/** Whether `seen` is what the box may show: exact but for the pages that were not flushed, where each sector is one of its states. */
export function showsLive(truth: BoxTruth, seen: GuestBytes): boolean {
  if (seen.pages.length !== truth.live.pages.length) return false
  for (const [index, page] of seen.pages.entries()) {
    if (page === truth.live.pages[index]) continue
    const states = truth.loose.get(index)
    if (states === undefined || !(states.includes(page) || mixOfSectors(page, states))) return false
  }
  return true
}

function mixOfSectors(page: Page | null, states: readonly (Page | null)[]): boolean {
  for (let at = 0; at < 4096; at += SECTOR_BYTES) {
    const sector = sectorOf(page, at)
    if (!states.some((state) => sectorOf(state, at) === sector)) return false
  }
  return true
}

/** The tests' pages repeat one word, so a sector is told by its first word, where it is whole. */
function sectorOf(page: Page | null, at: number): number {
  const bytes = page?.bytes ?? new Uint8Array(0)
  const word = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)
  for (let i = at; i < at + SECTOR_BYTES; i++) if ((bytes[i] ?? 0) !== ((word >>> ((i & 3) * 8)) & 255)) return Number.NaN
  return word
}

/** What the bulk work of the tests fills a new layer with. */
export type Fill = (index: number) => GuestBytes

/** The truths after `operation` has succeeded: what changes, by box. */
export function after(expectation: Expectation, operation: Task, fill: Fill): Expectation {
  switch (operation.kind) {
    case 'adopt':
      return expectation.with(operation.boxId, operation.truth)
    case 'box.create': {
      const live = operation.layers.length === 0 ? baseBytes(expectation, operation.image, operation.sizeBytes) : fill(operation.layers.length - 1)
      const snapshots = new Map(
        operation.snapshots.map((snapshot) => [
          snapshot.id,
          { name: snapshot.name, bytes: fill(operation.layers.findIndex((layer) => layer.name === snapshot.layer)) },
        ]),
      )
      const base = operation.layers.findIndex((layer) => layer.name === operation.base)
      return expectation.with(operation.boxId, { name: operation.name, live: base >= 0 ? fill(base) : live, loose: new Map(), snapshots })
    }
    case 'box.remove':
      return expectation.with(operation.boxId, null)
    case 'snapshot.create': {
      const truth = flushed(known(expectation, operation.boxId))
      const snapshots = new Map(truth.snapshots).set(operation.snapshotId, { name: operation.name, bytes: truth.live })
      return expectation.with(operation.boxId, { ...truth, snapshots })
    }
    case 'snapshot.restore': {
      const truth = flushed(known(expectation, operation.boxId))
      const snapshots = new Map(truth.snapshots)
      if (operation.keepCurrent !== null) snapshots.set(operation.keepCurrent.snapshotId, { name: operation.keepCurrent.name, bytes: truth.live })
      return expectation.with(operation.boxId, { ...truth, live: snapshotOf(truth, operation.snapshot)[1].bytes, snapshots })
    }
    case 'snapshot.remove': {
      const truth = known(expectation, operation.boxId)
      const snapshots = new Map(truth.snapshots)
      snapshots.delete(snapshotOf(truth, operation.snapshot)[0])
      return expectation.with(operation.boxId, { ...truth, snapshots })
    }
    case 'clone': {
      const truth = known(expectation, operation.boxId)
      const source = operation.snapshot === null ? flushed(truth) : truth
      const live = operation.snapshot === null ? truth.live : snapshotOf(truth, operation.snapshot)[1].bytes
      const clone = { name: operation.name, live, loose: new Map(), snapshots: new Map() }
      return expectation.with(operation.boxId, source).with(operation.cloneId, clone)
    }
    case 'image.add':
      return expectation.withImage(operation.imageId, fill(operation.layers.length - 1))
    case 'image.remove':
      return expectation.withImage(operation.imageId, null)
    default:
      return expectation
  }
}

/** Both: what may be seen while the answer is outstanding, or after an error whose outcome is unknown. */
export function either(before: Expectation, then: Expectation): Expectation {
  let both = before
  for (const id of new Set([...before.boxes.keys(), ...then.boxes.keys()])) {
    const old = before.boxes.get(id) ?? [null]
    const fresh = then.boxes.get(id) ?? [null]
    if (old !== fresh) both = both.with(id, ...new Set([...old, ...fresh]))
  }
  for (const id of new Set([...before.images.keys(), ...then.images.keys()])) {
    both = both.withImage(id, ...new Set([...(before.images.get(id) ?? [null]), ...(then.images.get(id) ?? [null])]))
  }
  return both
}

/** An operation cannot succeed on the truth it is tried on. */
export class NotApplicable extends Error {}

function known(expectation: Expectation, boxId: string): BoxTruth {
  const truth = expectation.box(boxId)
  if (truth === null) throw new NotApplicable(`no box ${boxId} here`)
  return truth
}

function snapshotOf(truth: BoxTruth, wanted: string): [string, SnapshotTruth] {
  for (const entry of truth.snapshots) if (entry[0] === wanted || entry[1].name === wanted) return entry
  throw new NotApplicable(`no snapshot ${wanted} here`)
}

function baseBytes(expectation: Expectation, image: string | null, sizeBytes: number | null): GuestBytes {
  const bytes = image === null ? null : expectation.images.get(image)?.[0]
  return bytes ?? guestBytes(Array.from({ length: (sizeBytes ?? 0) / 4096 }, () => null))
}
