import { createImage, type Backing } from '../../../../src/disk/create.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat } from '../disk-chain.ts'
import { writeNewFile } from '../new-file.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly, parseSize, wholeSectors } from '../size.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, overwriteOption, writtenFormatOption } from './options.ts'
import { sizeOfBacking } from './size-of-backing.ts'

const path = 'disk create'

export const diskCreate = defineCommand({
  path,
  summary: 'make an empty disk image, or an overlay on another image',
  details: 'SIZE is rounded up to 512 bytes; an overlay has the size of its backing file unless SIZE says more.',
  operands: ['FILE', '[SIZE]'],
  options: {
    ...writtenFormatOption,
    backing: { type: 'string', short: 'b', value: 'NAME', help: 'the image below the new one: a plain name in the same directory' },
    ...backingFormatOption,
    ...overwriteOption,
    ...jsonOption,
  },
  async run(terminal, options, [file, size]) {
    const format = parseFormat(options.format, '--format', path) ?? 'qcow2'
    const backing = backingOf(options.backing, options['backing-format'])
    if (backing !== null && format === 'raw') throw usageError('a raw image has no backing file', path)
    if (backing === null && size === undefined) throw usageError('SIZE is missing', path)
    const backingBytes = backing === null ? 0 : await sizeOfBacking(file!, backing)
    const askedBytes = size === undefined ? backingBytes : parseSize(size, 'SIZE', path)
    const sizeBytes = wholeSectors(askedBytes, 'SIZE', path)
    await writeNewFile(file!, { overwrite: options.overwrite === true, signal: terminal.signal }, async (target) => {
      if (format === 'raw') await target.truncate(sizeBytes)
      else await createImage(target, { sizeBytes, backing })
    })
    if (options.json === true) terminal.printJson({ path: file, format, virtualSizeBytes: sizeBytes, backing })
    else {
      const below = backing === null ? '' : `, on ${printable(backing.name)}`
      terminal.print(`Made ${printable(file!)}: ${format}, ${formatSizeExactly(sizeBytes)}${below}`)
    }
    return 0
  },
})

function backingOf(name: string | undefined, stated: string | undefined): Backing | null {
  const format = parseFormat(stated, '--backing-format', path)
  if (name === undefined && format !== null) throw usageError('--backing-format needs --backing', path)
  if (name === undefined) return null
  if (format === null) throw usageError('--backing needs --backing-format', path, 'The format of a backing file is never guessed.')
  if (/[/\\]/.test(name)) throw usageError(`--backing '${name}' is not a plain name`, path, 'A backing file is in the directory of its overlay.')
  return { name, format }
}
