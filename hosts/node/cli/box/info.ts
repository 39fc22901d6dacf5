import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { formatDate } from '../date.ts'
import { printable } from '../printable.ts'
import { formatSize, formatSizeExactly } from '../size.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

export const boxShow = defineCommand({
  path: 'info',
  summary: 'show one box',
  operands: ['BOX'],
  options: { ...homeOption, ...jsonOption },
  async run(terminal, options, [name]) {
    const info = await withBox(terminal, { home: options.home }, name!, (box) => box.info())
    if (options.json === true) {
      terminal.printJson(info)
      return 0
    }
    const since = info.currentSnapshot === null ? 'it was made' : `snapshot '${printable(info.currentSnapshot)}'`
    terminal.print([
      `name:       ${printable(info.name ?? '(none)')}`,
      `id:         ${info.id}`,
      `state:      ${info.state ?? 'not known'}`,
      `image:      ${printable(info.image ?? '(none)')}`,
      `runs with:  ${count(info.settings.cpus, 'processor')}, ${info.settings.memoryMib} MiB`,
      `created:    ${info.createdAt === null ? 'not known' : formatDate(info.createdAt)}`,
      `disk:       ${formatSizeExactly(info.disk.virtualSizeBytes)}, ${count(info.disk.layerCount, 'layer')}`,
      `own space:  ${formatSize(info.disk.ownBytes)}, since ${since}`,
      `snapshots:  ${info.snapshotCount}`,
      ...(info.attention === null ? [] : [`attention:  ${printable(info.attention)}`]),
    ])
    return 0
  },
})
