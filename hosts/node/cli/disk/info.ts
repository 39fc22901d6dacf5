import { stat } from 'node:fs/promises'
import { readImageInfo, type ImageInfo } from '../../../../src/disk/info.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, withChain, withImage, type OpenImage } from '../disk-chain.ts'
import { fileCall } from '../../file-call.ts'
import { printable } from '../printable.ts'
import { formatSize, formatSizeExactly } from '../size.ts'
import { withInputFile } from '../spool.ts'
import { backingFormatOption, formatOption } from './options.ts'

const path = 'disk info'

interface Facts {
  readonly path: string
  readonly format: 'qcow2' | 'raw'
  readonly virtualSizeBytes: number
  readonly fileBytes: number
  /** What the file takes on its file system; only of the image that was named. */
  readonly allocatedBytes?: number
  readonly qcow2?: Omit<ImageInfo, 'virtualSizeBytes' | 'fileBytes'>
}

export const diskInfo = defineCommand({
  path,
  summary: 'show what an image says about itself',
  details: "Opens nothing but FILE ('-' is standard input), whatever its header names; --backing-chain opens its backing files too.",
  operands: ['FILE'],
  options: {
    ...formatOption,
    'backing-chain': { type: 'boolean', help: 'show every image of the chain, from the top down' },
    ...backingFormatOption,
    ...jsonOption,
  },
  async run(terminal, options, [file]) {
    const format = parseFormat(options.format, '--format', path)
    const backingFormat = parseFormat(options['backing-format'], '--backing-format', path)
    const whole = options['backing-chain'] === true
    const facts = await withInputFile(terminal, file!, async (named) => {
      const allocatedBytes = (await fileCall('open', file!, stat(named))).blocks * 512
      const chain = whole
        ? await withChain(named, { format, backingFormat, mode: 'read' }, async (layers) => await Promise.all(layers.map(factsOf)))
        : [await withImage(named, { format, mode: 'read' }, factsOf)]
      return chain.map((one, depth) => (depth === 0 ? { ...one, path: file!, allocatedBytes } : one))
    })
    if (options.json === true) terminal.printJson(whole ? facts : facts[0])
    else terminal.print(facts.flatMap((one, depth) => (depth === 0 ? describe(one) : ['', ...describe(one)])))
    return 0
  },
})

async function factsOf({ name, format, file }: OpenImage): Promise<Facts> {
  if (format === 'raw') {
    const fileBytes = await file.size()
    return { path: name, format, virtualSizeBytes: fileBytes, fileBytes }
  }
  const { virtualSizeBytes, fileBytes, ...qcow2 } = await readImageInfo(file, name)
  return { path: name, format, virtualSizeBytes, fileBytes, qcow2 }
}

function describe({ path, format, virtualSizeBytes, fileBytes, allocatedBytes, qcow2 }: Facts): string[] {
  const lines = [
    `image:         ${printable(path)}`,
    `format:        ${format}${qcow2 === undefined ? '' : `, version ${qcow2.version}`}`,
    `virtual size:  ${formatSizeExactly(virtualSizeBytes)}`,
    `file length:   ${formatSizeExactly(fileBytes)}`,
  ]
  if (allocatedBytes !== undefined) lines.push(`space taken:   ${formatSize(allocatedBytes)}`)
  return qcow2 === undefined ? lines : [...lines, ...describeHeader(qcow2)]
}

function describeHeader(qcow2: NonNullable<Facts['qcow2']>): string[] {
  const lines = [`cluster size:  ${formatSize(qcow2.clusterBytes)}`]
  const { backing } = qcow2
  if (backing !== null) lines.push(`backing file:  ${printable(backing.name)} (${printable(backing.format ?? 'format not stated')})`)
  lines.push(`refcounts:     ${qcow2.refcountBits} bits${qcow2.lazyRefcounts ? ', lazy' : ''}`, `compression:   ${qcow2.compression}`)
  if (qcow2.extendedL2) lines.push('L2 entries:    extended (subclusters)')
  if (qcow2.internalSnapshots > 0) lines.push(`snapshots:     ${qcow2.internalSnapshots} inside the image`)
  if (qcow2.bitmaps > 0) lines.push(`bitmaps:       ${qcow2.bitmaps}`)
  if (qcow2.unknownFeatures) lines.push('features:      some that boxlite does not know, none that hinders reading')
  const state = [qcow2.corrupt ? 'marked corrupt' : '', qcow2.dirty ? 'was not closed' : ''].filter((word) => word !== '')
  const writable = qcow2.ownForm ? 'yes' : 'no (another form than boxlite writes)'
  return [...lines, `state:         ${state.length === 0 ? 'closed properly' : state.join(', ')}`, `writable here: ${writable}`]
}
