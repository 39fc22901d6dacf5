import { BoxLiteError } from '../../../../src/error.ts'
import { lengthOnDisk, parseRange, rangeOptions, type ByteRange } from '../byte-range.ts'
import { defineCommand, jsonOption } from '../command.ts'
import type { CommandDisk } from '../open-disk.ts'
import { readInput } from '../read-input.ts'
import { formatSizeExactly } from '../size.ts'
import type { Terminal } from '../terminal.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, writtenFormatOption } from './options.ts'
import { diskOptions, withChosenDisk } from './chosen-disk.ts'

const path = 'disk write'
const ZERO_PIECE_BYTES = 64 << 20
const MANY_PIECES = 4096

export const diskWrite = defineCommand({
  path,
  summary: 'write bytes from standard input or a file onto a disk',
  details:
    'The bytes are durable when it ends. With --box it writes the disk of a stopped box, which is locked meanwhile; ' +
    'without, an image that boxlite made or a raw one, which nothing else must have open.',
  operands: ['[FILE]'],
  options: {
    ...diskOptions,
    ...rangeOptions,
    input: { type: 'string', short: 'i', value: 'FILE', help: "where from; '-' (the default) is standard input" },
    zero: { type: 'boolean', help: 'write --length zeros, which take no space where the image can help it' },
    ...writtenFormatOption,
    ...backingFormatOption,
    ...jsonOption,
  },
  async run(terminal, options, [file]) {
    const range = parseRange(options, path)
    if (options.zero === true && range.length === null) throw usageError('--zero needs --length', path)
    if (options.zero === true && options.input !== undefined) throw usageError('--zero takes no --input', path)
    const written = await withChosenDisk(terminal, { command: path, file, options, mode: 'write' }, async (disk) => {
      lengthOnDisk(range, disk.sizeBytes)
      const zeros = options.zero === true ? range.length! : null
      const bytes =
        zeros === null
          ? await writeInput(terminal, disk, range, options.input ?? '-')
          : await writeZeros(terminal, disk, range.offset, zeros)
      await disk.flush()
      return bytes
    })
    if (options.json === true) terminal.printJson({ offset: range.offset, writtenBytes: written })
    else terminal.print(`Wrote ${formatSizeExactly(written)} at ${range.offset}`)
    return 0
  },
})

/** In pieces, so that a long one can be stopped; they end where clusters do, and there are not too many of them. */
async function writeZeros(terminal: Terminal, disk: CommandDisk, offset: number, length: number): Promise<number> {
  const pieceBytes = ZERO_PIECE_BYTES * Math.ceil(length / ZERO_PIECE_BYTES / MANY_PIECES)
  for (let at = offset; at < offset + length; ) {
    terminal.signal.throwIfAborted()
    const end = Math.min(offset + length, at - (at % pieceBytes) + pieceBytes)
    await disk.writeZeroes(at, end - at)
    at = end
  }
  return length
}

/** Writes all of the input, or as much as was asked for; resolves with the number of bytes. */
async function writeInput(terminal: Terminal, disk: CommandDisk, { offset, length }: ByteRange, input: string): Promise<number> {
  const limit = length ?? disk.sizeBytes - offset
  const progress = terminal.progress('Writing')
  let done = 0
  try {
    for await (const bytes of readInput(terminal, input)) {
      const wanted = bytes.subarray(0, limit - done)
      await disk.write(offset + done, wanted)
      done += wanted.length
      progress.update(done, length)
      if (wanted.length < bytes.length && length === null) throw tooMuch(disk, done)
      if (done === length) break
    }
  } finally {
    progress.end()
  }
  if (length !== null && done < length) {
    throw new BoxLiteError('invalid_argument', `The input ended after ${done} of ${length} bytes, which are written`, {
      facts: { writtenBytes: done, length },
    })
  }
  return done
}

function tooMuch(disk: CommandDisk, written: number): BoxLiteError {
  return new BoxLiteError('invalid_argument', `The input goes on after the end of the disk; ${written} bytes are written`, {
    remedy: "Grow the disk with 'boxlite disk resize', or say with --length how much to write.",
    facts: { writtenBytes: written, sizeBytes: disk.sizeBytes },
  })
}
