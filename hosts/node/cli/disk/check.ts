import { checkImage, isSound, type CheckReport } from '../../../../src/disk/check.ts'
import { BoxLiteError, isBoxLiteError } from '../../../../src/error.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { parseFormat, withImage } from '../disk-chain.ts'
import { printable } from '../printable.ts'
import { withInputFile } from '../spool.ts'
import { formatOption } from './options.ts'

const path = 'disk check'

// The exit codes of `qemu-img check`.
const EXIT_UNREADABLE = 1
const EXIT_CORRUPT = 2
const EXIT_LEAKS = 3
const EXIT_UNSUPPORTED = 63

export const diskCheck = defineCommand({
  path,
  summary: 'look for damage in every table of a qcow2 image',
  details:
    "Reads FILE alone ('-' is standard input), writes nothing.\n" +
    'Exit code: 0 clean, 1 refused or not readable, 2 corrupt, 3 only leaks (space that nothing uses), 63 a form that cannot be checked.',
  operands: ['FILE'],
  options: { ...formatOption, ...jsonOption },
  failureCode: (error) => (isBoxLiteError(error, 'unsupported') ? EXIT_UNSUPPORTED : EXIT_UNREADABLE),
  async run(terminal, options, [file]) {
    const format = parseFormat(options.format, '--format', path)
    const progress = terminal.progress(`Checking ${printable(file!)}`)
    const report = await withInputFile(terminal, file!, (named) =>
      withImage(named, { format, mode: 'read' }, async (image) => {
        if (image.format === 'raw') throw nothingToCheck(file!)
        return await checkImage(image.file, { image: file!, signal: terminal.signal, onProgress: (done) => progress.share(done) })
      }),
    ).finally(() => progress.end())
    if (options.json === true) terminal.printJson({ path: file, format: 'qcow2', sound: isSound(report), ...report })
    else terminal.print(describe(printable(file!), report))
    return exitCode(report)
  },
})

function nothingToCheck(file: string): BoxLiteError {
  return new BoxLiteError('unsupported', `${file} is raw, which has no tables to check`, {
    remedy: 'Say --format=qcow2 if it should be a qcow2 image.',
    facts: { path: file, format: 'raw' },
  })
}

function exitCode(report: CheckReport): number {
  if (report.corruptions + report.overlooked > 0) return EXIT_CORRUPT
  if (report.checkErrors > 0) return EXIT_UNREADABLE
  return report.leaks > 0 ? EXIT_LEAKS : 0
}

function describe(name: string, report: CheckReport): string[] {
  const { totalClusters, allocatedClusters, compressedClusters, fragmentedClusters, imageEndOffset, findings } = report
  const share = (part: number, whole: number): string => `${whole === 0 ? 0 : Number(((part / whole) * 100).toPrecision(3))} %`
  const counts = [
    [report.corruptions, 'corruption'],
    [report.overlooked, 'defect that qemu-img passes over', 'defects that qemu-img passes over'],
    [report.checkErrors, 'refcount that cannot be read', 'refcounts that cannot be read'],
    [report.leaks, 'leaked cluster'],
  ] as const
  const found = counts.flatMap(([number, one, many]) => (number === 0 ? [] : [count(number, one, many)]))
  const all = report.corruptions + report.overlooked + report.checkErrors + report.leaks
  return [
    found.length === 0 ? `${name} is clean.` : `${name} has ${found.join(', ')}${isSound(report) ? '; no data is in danger' : ''}.`,
    ...findings.map((finding) => `  ${finding}`),
    ...(all > findings.length ? [`  and ${all - findings.length} more`] : []),
    `${allocatedClusters} of ${totalClusters} clusters are allocated (${share(allocatedClusters, totalClusters)}), ` +
      `${share(compressedClusters, allocatedClusters)} of them compressed, ${share(fragmentedClusters, allocatedClusters)} fragmented.`,
    `The image ends at byte ${imageEndOffset}.`,
  ]
}
