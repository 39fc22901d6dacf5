import type { Extent } from '../../../../src/disk/disk.ts'
import { lengthOnDisk, parseRange, rangeOptions } from '../byte-range.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { drawTable } from '../table.ts'
import { diskOptions, withChosenDisk } from './chosen-disk.ts'
import { backingFormatOption, formatOption } from './options.ts'

const path = 'disk map'

export const diskMap = defineCommand({
  path,
  summary: 'show which ranges of a disk hold what, and which image of the chain holds them',
  details: 'LAYER counts down from the image itself, 0. AT is where the bytes are in the file of that layer.',
  operands: ['[FILE]'],
  options: {
    ...diskOptions,
    snapshot: { type: 'string', value: 'NAME', help: 'with --box: the disk as it was at this snapshot' },
    ...rangeOptions,
    ...formatOption,
    ...backingFormatOption,
    ...jsonOption,
  },
  async run(terminal, options, [file]) {
    const range = parseRange(options, path)
    const extents = await withChosenDisk(terminal, { command: path, file, options, mode: 'read' }, async (disk) => {
      const found: Extent[] = []
      const progress = terminal.progress('Mapping')
      try {
        for await (const extent of disk.extents(range.offset, lengthOnDisk(range, disk.sizeBytes))) {
          terminal.signal.throwIfAborted()
          progress.share((extent.offset + extent.length) / disk.sizeBytes)
          found.push(extent)
        }
      } finally {
        progress.end()
      }
      return found
    })
    if (options.json === true) terminal.printJson(extents)
    else terminal.print(drawTable(columns, extents.map(rowOf)))
    return 0
  },
})

const columns = [
  { title: 'OFFSET', align: 'right' },
  { title: 'LENGTH', align: 'right' },
  { title: 'KIND' },
  { title: 'LAYER', align: 'right' },
  { title: 'AT', align: 'right' },
] as const

function rowOf({ offset, length, kind, depth, hostOffset }: Extent): string[] {
  const hex = (value: number): string => `0x${value.toString(16)}`
  return [hex(offset), hex(length), kind, kind === 'unallocated' ? '' : String(depth), hostOffset === null ? '' : hex(hostOffset)]
}
