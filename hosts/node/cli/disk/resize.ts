import { Disk } from '../../../../src/disk/disk.ts'
import { BoxLiteError } from '../../../../src/error.ts'
import { nodeCodec } from '../../codec.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, withChain, type OpenImage } from '../disk-chain.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly, parseSize, wholeSectors } from '../size.ts'
import { backingFormatOption, writtenFormatOption } from './options.ts'

const path = 'disk resize'

export const diskResize = defineCommand({
  path,
  summary: 'make an image larger, or a raw one smaller',
  details:
    'SIZE is the new size; +SIZE adds to what there is. It is rounded up to 512 bytes. What is added reads as zeros, whatever lies below. ' +
    'Only images that boxlite made, and raw ones, are changed in place.',
  operands: ['FILE', 'SIZE'],
  options: {
    ...writtenFormatOption,
    ...backingFormatOption,
    shrink: { type: 'boolean', help: 'allow a raw image to lose what is behind its new end' },
    ...jsonOption,
  },
  async run(terminal, options, [file, size]) {
    const format = parseFormat(options.format, '--format', path)
    const backingFormat = parseFormat(options['backing-format'], '--backing-format', path)
    const [, plus, text] = /^(\+?)([^]*)$/.exec(size!)!
    const askedBytes = parseSize(text!, 'SIZE', path)
    const target = (fromBytes: number): number => wholeSectors(plus === '+' ? fromBytes + askedBytes : askedBytes, 'SIZE', path)
    const resized = await withChain(file!, { format, backingFormat, mode: 'write' }, async (layers) =>
      layers[0]!.format === 'raw' ? await resizeRaw(layers[0]!, target, options.shrink === true) : await growImage(layers, target),
    )
    if (options.json === true) terminal.printJson({ path: file, ...resized })
    else terminal.print(`Resized ${printable(file!)} from ${formatSizeExactly(resized.fromBytes)} to ${formatSizeExactly(resized.virtualSizeBytes)}`)
    return 0
  },
})

interface Resized {
  readonly fromBytes: number
  readonly virtualSizeBytes: number
}

async function resizeRaw({ name, file }: OpenImage, target: (fromBytes: number) => number, shrink: boolean): Promise<Resized> {
  const fromBytes = await file.size()
  const virtualSizeBytes = target(fromBytes)
  if (virtualSizeBytes < fromBytes && !shrink) {
    throw new BoxLiteError('invalid_argument', `${name} has ${fromBytes} bytes; the last ${fromBytes - virtualSizeBytes} would be lost`, {
      remedy: 'Say --shrink if that is meant.',
      facts: { path: name, fromBytes, virtualSizeBytes },
    })
  }
  await file.truncate(virtualSizeBytes)
  await file.sync()
  return { fromBytes, virtualSizeBytes }
}

async function growImage(layers: readonly OpenImage[], target: (fromBytes: number) => number): Promise<Resized> {
  const disk = await Disk.open(layers, { writable: true, codec: nodeCodec })
  try {
    const fromBytes = disk.sizeBytes
    const virtualSizeBytes = target(fromBytes)
    if (virtualSizeBytes < fromBytes) {
      throw new BoxLiteError('unsupported', `${layers[0]!.name} has ${fromBytes} bytes, and a qcow2 image is not made smaller`, {
        remedy: "Convert it to raw, shrink that with 'boxlite disk resize --format=raw --shrink', and convert it back.",
        facts: { path: layers[0]!.name, fromBytes, virtualSizeBytes },
      })
    }
    // A backing file outside a home may be made larger later; it must not show through then.
    await disk.grow(virtualSizeBytes, { hidesBelow: layers.length > 1 })
    return { fromBytes, virtualSizeBytes }
  } finally {
    await disk.close()
  }
}
