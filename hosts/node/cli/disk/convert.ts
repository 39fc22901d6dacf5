import { convertToImage, convertToRaw, convertToStream } from '../../../../src/disk/convert.ts'
import type { DiskSource, DiskWorkOptions } from '../../../../src/disk/source.ts'
import type { LayerFile } from '../../../../src/host.ts'
import { nodeCodec } from '../../codec.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, type ImageFormat } from '../disk-chain.ts'
import { writeNewFile } from '../new-file.ts'
import { withDiskFile } from '../open-disk.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly } from '../size.ts'
import { withInputFile, withSpoolFile } from '../spool.ts'
import type { Terminal } from '../terminal.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, formatOption, overwriteOption } from './options.ts'

const path = 'disk convert'
const COPY_BYTES = 1 << 20

export const diskConvert = defineCommand({
  path,
  summary: 'copy an image with all it backs on into one new image',
  details:
    "The new image has no backing file, and what is zero takes no space in it. '-' is standard input or output; such a stream passes " +
    'through a temporary file (in TMPDIR), but for raw output, which does not need it.',
  operands: ['SOURCE', 'TARGET'],
  options: {
    ...formatOption,
    'target-format': { type: 'string', short: 'O', value: 'FORMAT', help: 'qcow2 (default) or raw' },
    compress: { type: 'boolean', short: 'c', help: 'deflate every cluster that gets smaller by it; qcow2 only' },
    ...backingFormatOption,
    ...overwriteOption,
    'no-sync': { type: 'boolean', help: 'do not wait until the new image is durable' },
    ...jsonOption,
  },
  async run(terminal, options, [source, target]) {
    const format = parseFormat(options.format, '--format', path)
    const backingFormat = parseFormat(options['backing-format'], '--backing-format', path)
    const targetFormat = parseFormat(options['target-format'], '--target-format', path) ?? 'qcow2'
    const compress = options.compress === true
    if (compress && targetFormat === 'raw') throw usageError('--compress needs --target-format=qcow2', path)
    if (target === '-' && terminal.showsOutput) throw usageError('a terminal does not show a disk well', path, 'Name a file, or pipe the bytes on.')
    const overwrite = options.overwrite === true
    const wanted = { target: target!, format: targetFormat, compress, overwrite, sync: options['no-sync'] !== true }
    const sizeBytes = await withInputFile(terminal, source!, (file) =>
      withDiskFile(file, { format, backingFormat, mode: 'read' }, async (disk) => {
        await convert(terminal, disk, wanted)
        return disk.sizeBytes
      }),
    )
    if (target === '-') return 0
    if (options.json === true) terminal.printJson({ source, target, format: targetFormat, virtualSizeBytes: sizeBytes, compressed: compress })
    else terminal.print(`Converted ${printable(source!)} to ${printable(target!)}: ${targetFormat}, ${formatSizeExactly(sizeBytes)}`)
    return 0
  },
})

interface Target {
  readonly target: string
  readonly format: ImageFormat
  readonly compress: boolean
  readonly overwrite: boolean
  readonly sync: boolean
}

async function convert(terminal: Terminal, disk: DiskSource, { target, format, compress, overwrite, sync }: Target): Promise<void> {
  const progress = terminal.progress('Converting')
  const work: DiskWorkOptions = { signal: terminal.signal, onProgress: (done) => progress.share(done) }
  const fill = (file: LayerFile): Promise<void> =>
    format === 'raw' ? convertToRaw(disk, file, work) : convertToImage(disk, file, compress ? { ...work, compress: nodeCodec } : work)
  try {
    if (target !== '-') await writeNewFile(target, { overwrite, sync, signal: terminal.signal }, fill)
    else if (format === 'raw') await convertToStream(disk, (bytes) => terminal.writeBytes(bytes), work)
    else {
      await withSpoolFile(async (file) => {
        await fill(file)
        await pour(terminal, file)
      })
    }
  } finally {
    progress.end()
  }
}

/** Writes a whole file to standard output. */
async function pour(terminal: Terminal, file: LayerFile): Promise<void> {
  const buffer = new Uint8Array(COPY_BYTES)
  for (let offset = 0, got = await file.read(buffer, 0); got > 0; got = await file.read(buffer, offset)) {
    await terminal.writeBytes(buffer.subarray(0, got))
    offset += got
  }
}
