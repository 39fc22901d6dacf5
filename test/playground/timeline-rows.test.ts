// How the playground lays the tree of snapshots out.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timelineRows, type TimelineRow } from '../../examples/playground/src/timeline-rows.ts'
import type { SnapshotInfo, SnapshotNode, SnapshotTree } from '../../src/box-info.ts'

/** A tree of `name: parent`, oldest first. */
function treeOf(parents: Readonly<Record<string, string | null>>, current: string | null): SnapshotTree {
  const nodes = new Map<string, SnapshotNode & { children: SnapshotNode[] }>()
  const roots: SnapshotNode[] = []
  for (const [index, [name, parent]] of Object.entries(parents).entries()) {
    const info: SnapshotInfo = {
      id: name,
      boxId: 'b',
      name,
      description: '',
      createdAt: new Date(1000 * index),
      parent,
      virtualSizeBytes: 0,
      ownBytes: 0,
      consistency: 'stopped',
    }
    const node = { ...info, children: [] }
    nodes.set(name, node)
    if (parent === null) roots.push(node)
    else nodes.get(parent)!.children.push(node)
  }
  return { roots, current }
}

const nameOf = ({ snapshot }: TimelineRow): string => snapshot?.name ?? 'now'

/** Each row as `name@lane`, `|` for lines that pass and `>` for those that leave. */
const drawn = (tree: SnapshotTree): string[] =>
  timelineRows(tree).map((row) => `${nameOf(row)}@${row.lane} |${row.passing.join('')} >${row.leaving.join('')}`)

describe('the timeline', () => {
  it('is the present alone where nothing was named', () => {
    expect(drawn(treeOf({}, null))).toEqual(['now@0 | >'])
  })

  it('is one line where nothing was restored', () => {
    expect(drawn(treeOf({ a: null, b: 'a' }, 'b'))).toEqual(['a@0 | >0', 'b@0 | >0', 'now@0 | >'])
  })

  it('keeps what leads to the present in its lane, and moves the rest aside', () => {
    expect(drawn(treeOf({ a: null, b: 'a', c: 'b' }, 'a'))).toEqual(['a@0 | >01', 'b@1 |0 >1', 'c@1 |0 >', 'now@0 | >'])
  })

  it('uses a lane again when its line has ended', () => {
    expect(drawn(treeOf({ a: null, b: 'a', c: 'a', d: 'c', e: 'c' }, 'd'))).toEqual([
      'a@0 | >01', 'b@1 |0 >', 'c@0 | >01', 'd@0 |1 >0', 'e@1 |0 >', 'now@0 | >',
    ])
  })

  it('says which moments are the past of the present', () => {
    const rows = timelineRows(treeOf({ a: null, b: 'a', c: 'a' }, 'c'))
    expect(rows.filter(({ past }) => past).map(nameOf)).toEqual(['a', 'c', 'now'])
    expect(rows.map(({ depth }) => depth)).toEqual([0, 1, 1, 2])
  })

  it('draws each line from its snapshot to its child, for any tree', () => {
    const shapes = fc.array(fc.nat(), { maxLength: 30 }).chain((choices) => {
      const parents: Record<string, string | null> = {}
      for (const [index, choice] of choices.entries()) parents[`s${index}`] = choice % (index + 1) === index ? null : `s${choice % (index + 1)}`
      return fc.tuple(fc.constant(parents), fc.option(fc.constantFrom(...Object.keys(parents), 's0')))
    })
    fc.assert(
      fc.property(shapes, ([parents, wanted]) => {
        const current = wanted !== null && wanted in parents ? wanted : null
        const rows = timelineRows(treeOf(parents, current))
        expect(rows.length).toBe(Object.keys(parents).length + 1)
        // Follow the lines downwards: those that a row lets through and sends out are those that reach the next.
        let reaching: number[] = []
        for (const row of rows) {
          const arriving = row.hasParent ? [row.lane] : []
          expect([...row.passing, ...arriving].sort()).toEqual(reaching.sort())
          if (!row.hasParent) expect(row.passing).not.toContain(row.lane)
          reaching = [...row.passing, ...row.leaving]
          expect(new Set(reaching).size).toBe(reaching.length)
        }
        expect(reaching).toEqual([])
      }),
    )
  })
})
