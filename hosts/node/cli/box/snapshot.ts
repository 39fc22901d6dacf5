// The commands on the snapshots of a box.

import { BoxLiteError } from '../../../../src/error.ts'
import type { SnapshotInfo, SnapshotNode, SnapshotTree } from '../../index.ts'
import { defineCommand, jsonOption, type Command } from '../command.ts'
import { formatDate } from '../date.ts'
import { printable } from '../printable.ts'
import { formatSize, formatSizeExactly } from '../size.ts'
import { drawTable } from '../table.ts'
import { drawTree, type TreeNode } from '../tree.ts'
import { watch } from '../watch.ts'
import { engineOf, engineOption } from '../machine/options.ts'
import { startBox } from '../machine/start-box.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

const common = { ...homeOption, ...jsonOption } as const

const snapshotCreate = defineCommand({
  path: 'snapshot create',
  summary: 'name the disk as it is now',
  operands: ['BOX', 'NAME'],
  options: { description: { type: 'string', short: 'd', value: 'TEXT', help: 'what to remember about it' }, ...common },
  async run(terminal, options, [box, name]) {
    const { description } = options
    const more = description === undefined ? {} : { description }
    const made = await withBox(terminal, { home: options.home }, box!, ({ snapshot }) =>
      watch(terminal, 'Making the snapshot', (watched) => snapshot.create(name!, { ...more, ...watched })),
    )
    if (options.json === true) terminal.printJson(made)
    else terminal.print(`Made snapshot '${printable(made.name)}' of ${formatSize(made.virtualSizeBytes)}${caught(made)}`)
    return 0
  },
})

const snapshotList = defineCommand({
  path: 'snapshot ls',
  summary: 'list the snapshots of a box, newest first',
  operands: ['BOX'],
  options: common,
  async run(terminal, options, [box]) {
    const snapshots = await withBox(terminal, { home: options.home }, box!, ({ snapshot }) => snapshot.list())
    if (options.json === true) terminal.printJson(snapshots)
    else terminal.print(drawTable(columns, snapshots.map(rowOf)))
    return 0
  },
})

const columns = [{ title: 'NAME' }, { title: 'CREATED' }, { title: 'AFTER' }, { title: 'OWN', align: 'right' }, { title: 'DESCRIPTION' }] as const

function rowOf({ name, createdAt, parent, ownBytes, description }: SnapshotInfo): string[] {
  return [printable(name), formatDate(createdAt), printable(parent ?? ''), formatSize(ownBytes), printable(description)]
}

const snapshotShow = defineCommand({
  path: 'snapshot show',
  summary: 'show one snapshot',
  operands: ['BOX', 'NAME'],
  options: common,
  async run(terminal, options, [box, name]) {
    const info = await withBox(terminal, { home: options.home }, box!, ({ snapshot }) => snapshot.get(name!))
    if (info === null) throw snapshotNotFound(box!, name!)
    if (options.json === true) terminal.printJson(info)
    else terminal.print(describe(info))
    return 0
  },
})

/** How the disk of a running box was caught; nothing to say of a stopped one. */
function caught({ consistency }: SnapshotInfo): string {
  if (consistency === 'stopped') return ''
  return consistency === 'frozen' ? ', its file systems frozen' : ', as a power cut would leave it'
}

function snapshotNotFound(box: string, name: string): BoxLiteError {
  return new BoxLiteError('not_found', `snapshot '${name}' not found for box '${box}'`, {
    remedy: `Run 'boxlite snapshot ls ${box}' to see its snapshots.`,
    facts: { box, snapshot: name },
  })
}

function describe(info: SnapshotInfo): string[] {
  return [
    `name:         ${printable(info.name)}`,
    `id:           ${info.id}`,
    `created:      ${formatDate(info.createdAt)}`,
    `after:        ${info.parent === null ? '(the first)' : printable(info.parent)}`,
    `disk:         ${formatSizeExactly(info.virtualSizeBytes)}`,
    `own space:    ${formatSize(info.ownBytes)}`,
    `consistency:  ${info.consistency}`,
    ...(info.description === '' ? [] : [`description:  ${printable(info.description)}`]),
  ]
}

const snapshotRemove = defineCommand({
  path: 'snapshot rm',
  summary: 'forget a snapshot',
  details: "What was made after it stays as it is. Its space comes back with 'boxlite prune'.",
  operands: ['BOX', 'NAME'],
  options: common,
  async run(terminal, options, [box, name]) {
    await withBox(terminal, { home: options.home }, box!, ({ snapshot }) =>
      watch(terminal, 'Removing', (watched) => snapshot.remove(name!, watched)),
    )
    if (options.json === true) terminal.printJson({ box, snapshot: name })
    else terminal.print(`Removed snapshot '${printable(name!)}'`)
    return 0
  },
})

const snapshotRestore = defineCommand({
  path: 'snapshot restore',
  summary: 'put the disk of a box back to what it was',
  details: 'What the disk is now is lost, unless it is kept with --keep-current. A box that runs needs --restart.',
  operands: ['BOX', 'NAME'],
  options: {
    'keep-current': { type: 'string', value: 'NAME', help: 'first name the disk as it is now' },
    restart: { type: 'boolean', help: 'stop the box first where it runs, and start it again' },
    ...engineOption,
    ...common,
  },
  async run(terminal, options, [box, name]) {
    const kept = options['keep-current']
    const engine = engineOf(options.engine, 'snapshot restore')
    await withBox(terminal, { home: options.home, ...engine }, box!, async (chosen, lite) => {
      const keepCurrent = kept === undefined ? {} : { keepCurrent: kept }
      const restore = (): Promise<void> => watch(terminal, 'Restoring', (watched) => chosen.snapshot.restore(name!, { ...keepCurrent, ...watched }))
      if (options.restart !== true) return restore()
      // What runs is stopped by the restore; what starts then has to outlive this command, which `startBox` sees to.
      await chosen.snapshot.get(name!).then((found) => found ?? Promise.reject(snapshotNotFound(box!, name!)))
      await watch(terminal, 'Stopping', (watched) => chosen.stop(watched))
      await restore()
      await startBox(terminal, lite, chosen)
    })
    if (options.json === true) terminal.printJson({ box, snapshot: name, kept: kept ?? null })
    else terminal.print(`Restored '${printable(name!)}'${kept === undefined ? '' : `; what was there is kept as '${printable(kept)}'`}`)
    return 0
  },
})

const snapshotTree = defineCommand({
  path: 'snapshot tree',
  summary: 'draw which snapshot came after which',
  operands: ['BOX'],
  options: common,
  async run(terminal, options, [box]) {
    const tree = await withBox(terminal, { home: options.home }, box!, ({ snapshot }) => snapshot.tree())
    if (options.json === true) terminal.printJson(tree)
    else terminal.print(drawTree(nodesOf(tree)))
    return 0
  },
})

const theDisk: TreeNode = { text: '(the disk as it is now)', children: [] }

/** The snapshots, and the disk itself where it comes after them. A history is shallow enough for recursion: its chain has a limit. */
function nodesOf({ roots, current }: SnapshotTree): TreeNode[] {
  const nodeOf = ({ name, createdAt, children }: SnapshotNode): TreeNode => ({
    text: `${printable(name)}  ${formatDate(createdAt)}`,
    children: [...children.map(nodeOf), ...(name === current ? [theDisk] : [])],
  })
  return [...roots.map(nodeOf), ...(current === null ? [theDisk] : [])]
}

export const snapshotCommands: readonly Command[] = [snapshotCreate, snapshotList, snapshotShow, snapshotRemove, snapshotRestore, snapshotTree]
