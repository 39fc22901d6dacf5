import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { createImage, type Backing } from '../../../../src/disk/create.ts'
import { readImageInfo } from '../../../../src/disk/info.ts'
import { BoxLiteError } from '../../../../src/error.ts'
import { createNodeFileSystem } from '../../fs.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, withChain } from '../disk-chain.ts'
import { fileCall } from '../../file-call.ts'
import { writeNewFile } from '../new-file.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly, parseSize, wholeSectors } from '../size.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, overwriteOption, writtenFormatOption } from './options.ts'

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

/** Opens the backing file with all below it, as the overlay will later, and gives its virtual size. */
async function sizeOfBacking(file: string, { name, format }: Backing): Promise<number> {
  const directory = await fileCall('open', dirname(file), realpath(dirname(file)))
  const image = await createNodeFileSystem(directory).open(name, 'read')
  try {
    await refuseCircle(file, join(directory, name), format)
    return format === 'raw' ? await image.size() : (await readImageInfo(image, name)).virtualSizeBytes
  } finally {
    await image.close()
  }
}

/** An overlay that replaces an image of the chain below it would destroy what it is to show. */
async function refuseCircle(file: string, backing: string, format: Backing['format']): Promise<void> {
  await withChain(backing, { format, backingFormat: format, mode: 'read' }, async (layers) => {
    if (!layers.some(({ name }) => basename(name) === basename(file))) return
    throw new BoxLiteError('invalid_argument', `${file} is part of the chain that the new image is to stand on`, {
      remedy: 'Name another file.',
      facts: { path: file, backing },
    })
  })
}
