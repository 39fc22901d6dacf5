import { compareDisks, type Comparison } from '../../../../src/disk/compare.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, type ImageFormat } from '../disk-chain.ts'
import { withDiskFile, type CommandDisk } from '../open-disk.ts'
import { printable } from '../printable.ts'
import { withInputFile } from '../spool.ts'
import { usageError } from '../usage-error.ts'
import { backingFormatOption, formatOption } from './options.ts'

const path = 'disk compare'

// The exit codes of `qemu-img compare`.
const EXIT_DIFFERENT = 1
const EXIT_FAILED = 2

export const diskCompare = defineCommand({
  path,
  summary: 'tell whether two images show the same bytes',
  details:
    "'-' is standard input. Disks of different size are the same when the rest of the larger one is zeros, but for --strict. " +
    'Exit code: 0 same, 1 different, 2 failed.',
  operands: ['FILE', 'OTHER'],
  options: {
    ...formatOption,
    'other-format': { type: 'string', value: 'FORMAT', help: 'the format of OTHER, where its magic is not to decide' },
    ...backingFormatOption,
    strict: { type: 'boolean', short: 's', help: 'disks of different size are different' },
    ...jsonOption,
  },
  failureCode: () => EXIT_FAILED,
  async run(terminal, options, [file, other]) {
    const format = parseFormat(options.format, '--format', path)
    const otherFormat = parseFormat(options['other-format'], '--other-format', path)
    const backingFormat = parseFormat(options['backing-format'], '--backing-format', path)
    if (file === '-' && other === '-') throw usageError('only one of the two can be standard input', path)
    const progress = terminal.progress('Comparing')
    const open = <T>(name: string, stated: ImageFormat | null, use: (disk: CommandDisk) => Promise<T>): Promise<T> =>
      withInputFile(terminal, name, (named) => withDiskFile(named, { format: stated, backingFormat, mode: 'read' }, use))
    const found = await open(file!, format, (left) =>
      open(other!, otherFormat, (right) =>
        compareDisks(left, right, { signal: terminal.signal, onProgress: (done) => progress.share(done) }),
      ),
    ).finally(() => progress.end())
    const same = found.firstDifference === null && (found.sameSize || options.strict !== true)
    if (options.json === true) terminal.printJson({ same, ...found })
    else terminal.print(describe(printable(file!), printable(other!), same, found))
    return same ? 0 : EXIT_DIFFERENT
  },
})

function describe(file: string, other: string, same: boolean, { firstDifference, sameSize }: Comparison): string {
  if (firstDifference !== null) return `${file} and ${other} differ at byte ${firstDifference}.`
  const sizes = sameSize ? '' : ' but for their size; what the larger one has more is zeros'
  return `${file} and ${other} are ${same ? 'the same' : 'different: they show the same'}${sizes}.`
}
