import type { FsckFinding, FsckReport } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { printable } from '../printable.ts'
import { watch } from '../watch.ts'
import { homeOption } from './options.ts'
import { withHome } from './with-box.ts'

const EXIT_NOT_CLEAN = 1

export const homeFsck = defineCommand({
  path: 'fsck',
  summary: 'check a whole home: every record, every chain, every layer',
  details:
    'Changes nothing without --repair, and says what that would do. Exit code: 0 clean (leftovers cost space alone), ' +
    '1 damaged, unfinished or not to be checked.',
  operands: [],
  options: { repair: { type: 'boolean', help: 'finish what was interrupted and delete what nothing reaches' }, ...homeOption, ...jsonOption },
  async run(terminal, options) {
    const report = await withHome(terminal, { home: options.home }, (lite) =>
      watch(terminal, 'Checking', (watched) => lite.fsck({ repair: options.repair === true, ...watched })),
    )
    if (options.json === true) terminal.printJson(report)
    else terminal.print(describe(report))
    return report.clean ? 0 : EXIT_NOT_CLEAN
  },
})

function describe({ clean, findings, remaining, checked }: FsckReport): string[] {
  const { boxes, snapshots, images, layers } = checked
  const counts = [count(boxes, 'box', 'boxes'), count(snapshots, 'snapshot'), count(images, 'image'), count(layers, 'layer')]
  const lines = findings.map((finding) => describeFinding(finding, remaining !== null))
  if (remaining !== null && remaining.length > 0 && findings.length > 0) {
    lines.push('Still there:', ...remaining.map((finding) => describeFinding(finding, true)))
  }
  return [...lines, `${clean ? 'Clean' : 'Not clean'}: ${counts.join(', ')} checked.`]
}

function describeFinding({ severity, directory, name, message, repair }: FsckFinding, repaired: boolean): string {
  const next = repair === null ? '' : repaired ? `; ${repair}` : ` (--repair: ${repair})`
  return printable(`${severity}: ${directory}/${name}: ${message}${next}`)
}
