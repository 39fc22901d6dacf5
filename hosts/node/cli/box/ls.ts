import type { BoxInfo } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { formatDate } from '../date.ts'
import { printable } from '../printable.ts'
import { drawTable } from '../table.ts'
import { homeOption } from './options.ts'
import { withHome } from './with-box.ts'

export const boxList = defineCommand({
  path: 'ls',
  summary: 'list the boxes',
  operands: [],
  options: { ...homeOption, ...jsonOption },
  async run(terminal, options) {
    const boxes = await withHome(terminal, { home: options.home }, (lite) => lite.list())
    if (options.json === true) terminal.printJson(boxes)
    else terminal.print(drawTable(columns, boxes.map(rowOf)))
    return 0
  },
})

const columns = [
  { title: 'NAME' },
  { title: 'ID' },
  { title: 'STATE' },
  { title: 'IMAGE' },
  { title: 'CREATED' },
  { title: 'SNAPSHOTS', align: 'right' },
  { title: 'AFTER' },
  { title: '' },
] as const

function rowOf({ id, name, state, image, createdAt, snapshotCount, currentSnapshot, attention }: BoxInfo): string[] {
  const created = createdAt === null ? '' : formatDate(createdAt)
  const after = printable(currentSnapshot ?? '')
  return [printable(name ?? ''), id, state ?? '', printable(image ?? ''), created, String(snapshotCount), after, printable(attention ?? '')]
}
