import { defineCommand } from '../command.ts'
import { lengthOnDisk, parseRange, rangeOptions, type ByteRange } from '../byte-range.ts'
import { writeNewFile } from '../new-file.ts'
import type { CommandDisk } from '../open-disk.ts'
import type { Terminal } from '../terminal.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, formatOption, overwriteOption } from './options.ts'
import { diskOptions, withChosenDisk } from './chosen-disk.ts'

const path = 'disk read'
const CHUNK_BYTES = 1 << 20

export const diskRead = defineCommand({
  path,
  summary: 'copy bytes from a disk to standard output or into a file',
  operands: ['[FILE]'],
  options: {
    ...diskOptions,
    snapshot: { type: 'string', value: 'NAME', help: 'with --box: the disk as it was at this snapshot' },
    ...rangeOptions,
    output: { type: 'string', short: 'o', value: 'FILE', help: "where to; '-' (the default) is standard output" },
    ...overwriteOption,
    ...formatOption,
    ...backingFormatOption,
  },
  async run(terminal, options, [file]) {
    const range = parseRange(options, path)
    const output = options.output ?? '-'
    if (output === '-' && terminal.showsOutput) {
      throw usageError('a terminal does not show a disk well', path, 'Name a file with --output, or pipe the bytes on.')
    }
    await withChosenDisk(terminal, { command: path, file, options, mode: 'read' }, async (disk) => {
      if (output === '-') return await copyRange(terminal, disk, range, (bytes) => terminal.writeBytes(bytes))
      await writeNewFile(output, { overwrite: options.overwrite === true, signal: terminal.signal }, async (target) => {
        let at = 0
        await copyRange(terminal, disk, range, async (bytes) => {
          await target.write(bytes, at)
          at += bytes.length
        })
      })
    })
    return 0
  },
})

async function copyRange(terminal: Terminal, disk: CommandDisk, range: ByteRange, take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const length = lengthOnDisk(range, disk.sizeBytes)
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, length))
  const progress = terminal.progress('Reading')
  try {
    for (let done = 0; done < length; done += buffer.length) {
      terminal.signal.throwIfAborted()
      const chunk = buffer.subarray(0, length - done)
      await disk.read(range.offset + done, chunk)
      await take(chunk)
      progress.update(done + chunk.length, length)
    }
  } finally {
    progress.end()
  }
}
