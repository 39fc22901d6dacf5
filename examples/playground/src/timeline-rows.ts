// Lays the tree of snapshots out as rows of a timeline, oldest first, with the present at its end.
//
//   lane 0 1
//        o          clean            one row each; what the disk came from stays in the first lane,
//        |\                          whatever else was made of a snapshot moves to one of its own
//        | o        experiment
//        o          configured
//        *          now

import type { SnapshotInfo, SnapshotNode, SnapshotTree } from 'boxlite'

export interface TimelineRow {
  /** Null: the present. */
  readonly snapshot: SnapshotInfo | null
  /** How many snapshots it descends from. */
  readonly depth: number
  /** Whether the disk came from here: it is the present, or before it. */
  readonly past: boolean
  /** Where its point is, counted from the left. */
  readonly lane: number
  /** Whether a line comes down to it. */
  readonly hasParent: boolean
  /** Lanes of lines that pass it by. */
  readonly passing: readonly number[]
  /** Lanes of the lines that leave it. */
  readonly leaving: readonly number[]
}

interface Point {
  readonly snapshot: SnapshotInfo | null
  readonly depth: number
  /** When it was taken; never before its parent, whatever the clock said. */
  readonly atMs: number
  readonly children: Point[]
  past: boolean
}

/** The rows of a tree, from top to bottom. */
export function timelineRows({ roots, current }: SnapshotTree): TimelineRow[] {
  const { points, first } = pointsOf(roots, current)
  // Null: nothing; else what the line of that lane leads to.
  const lanes: (Point | null)[] = []
  return points.map((point) => {
    const found = lanes.indexOf(point)
    const lane = found === -1 ? take(lanes, point) : found
    lanes[lane] = null
    const passing = lanes.flatMap((target, index) => (target === null ? [] : [index]))
    const leaving = inOrder(point).map((child, index) => {
      if (index > 0) return take(lanes, child)
      lanes[lane] = child
      return lane
    })
    const { snapshot, depth, past } = point
    return { snapshot, depth, past, lane, hasParent: !first.includes(point), passing, leaving }
  })
}

/** Every snapshot by its time, and the present. */
function pointsOf(roots: readonly SnapshotNode[], current: string | null): { points: Point[]; first: Point[] } {
  const points: Point[] = []
  let present: Point | null = null
  const visit = ({ children, ...snapshot }: SnapshotNode, depth: number, parentMs: number): Point => {
    const atMs = Math.max(parentMs, snapshot.createdAt.getTime())
    const point: Point = { snapshot, depth, atMs, children: [], past: false }
    points.push(point)
    point.children.push(...children.map((child) => visit(child, depth + 1, atMs)))
    if (snapshot.name === current) {
      present = now(depth + 1)
      point.children.push(present)
    }
    point.past = point.children.some(({ past }) => past)
    return point
  }
  const first = roots.map((root) => visit(root, 0, 0))
  points.sort((a, b) => a.atMs - b.atMs)
  const last = present ?? now(0)
  if (present === null) first.push(last)
  return { points: [...points, last], first }
}

/** Its children, the one that leads to the present first: it goes straight on. */
function inOrder({ children }: Point): Point[] {
  return [...children].sort((a, b) => Number(b.past) - Number(a.past) || a.atMs - b.atMs)
}

function take(lanes: (Point | null)[], point: Point): number {
  const free = lanes.indexOf(null)
  const lane = free === -1 ? lanes.length : free
  lanes[lane] = point
  return lane
}

function now(depth: number): Point {
  return { snapshot: null, depth, atMs: Number.POSITIVE_INFINITY, children: [], past: true }
}
