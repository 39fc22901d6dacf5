import type { LayerFile } from '../../../../src/host.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { lengthOnDisk, parseRange, rangeOptions } from '../byte-range.ts'
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
  details: 'With --output=FILE, --json says what was read.',
  operands: ['[FILE]'],
  options: {
    ...diskOptions,
    snapshot: { type: 'string', value: 'NAME', help: 'with --box: the disk as it was at this snapshot' },
    ...rangeOptions,
    output: { type: 'string', short: 'o', value: 'FILE', help: "where to; '-' (the default) is standard output" },
    ...overwriteOption,
    ...formatOption,
    ...backingFormatOption,
    ...jsonOption,
  },
  async run(terminal, options, [file]) {
    const range = parseRange(options, path)
    const output = options.output ?? '-'
    if (output === '-' && terminal.showsOutput) {
      throw usageError('a terminal does not show a disk well', path, 'Name a file with --output, or pipe the bytes on.')
    }
    const readBytes = await withChosenDisk(terminal, { command: path, file, options, mode: 'read' }, async (disk) => {
      const length = lengthOnDisk(range, disk.sizeBytes)
      const progress = terminal.progress('Reading')
      const copy: Copy = { terminal, disk, from: range.offset, length, onProgress: (done) => progress.update(done, length) }
      try {
        if (output === '-') await copyToStream(copy)
        else await writeNewFile(output, { overwrite: options.overwrite === true, signal: terminal.signal }, (target) => copyToFile(copy, target))
      } finally {
        progress.end()
      }
      return length
    })
    if (output !== '-' && options.json === true) terminal.printJson({ path: output, offset: range.offset, readBytes })
    return 0
  },
})

interface Copy {
  readonly terminal: Terminal
  readonly disk: CommandDisk
  readonly from: number
  readonly length: number
  readonly onProgress: (doneBytes: number) => void
}

async function copyToStream(copy: Copy): Promise<void> {
  await copyRange(copy, copy.from, copy.length, (bytes) => copy.terminal.writeBytes(bytes))
}

/** Writes what the disk holds; the rest of the file is a hole. */
async function copyToFile(copy: Copy, target: LayerFile): Promise<void> {
  await target.truncate(copy.length)
  for await (const { offset, length, kind } of copy.disk.extents(copy.from, copy.length)) {
    copy.terminal.signal.throwIfAborted()
    if (kind === 'data' || kind === 'compressed') await copyRange(copy, offset, length, (bytes, at) => target.write(bytes, at - copy.from))
  }
}

async function copyRange(copy: Copy, from: number, length: number, take: (bytes: Uint8Array, offset: number) => Promise<void>): Promise<void> {
  const { terminal, disk, onProgress } = copy
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, length))
  for (let done = 0; done < length; done += buffer.length) {
    terminal.signal.throwIfAborted()
    const chunk = buffer.subarray(0, length - done)
    await disk.read(from + done, chunk)
    await take(chunk, from + done)
    onProgress(from - copy.from + done + chunk.length)
  }
}
