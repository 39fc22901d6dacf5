import type { PruneReport } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { printable } from '../printable.ts'
import { watch } from '../watch.ts'
import { describeFinding } from './describe-finding.ts'
import { homeOption } from './options.ts'
import { withHome } from './with-box.ts'

export const homePrune = defineCommand({
  path: 'prune',
  summary: 'give back the space of what no box needs any more',
  details:
    'Deletes layers that nothing reaches and folds those that no snapshot names into the one above. ' +
    'Deletes nothing at all while some record or layer cannot be read. Exit code 1 then.',
  operands: [],
  options: { ...homeOption, ...jsonOption },
  async run(terminal, options) {
    const report = await withHome(terminal, { home: options.home }, (lite) =>
      watch(terminal, 'Pruning', (watched) => lite.prune(watched)),
    )
    if (options.json === true) terminal.printJson(report)
    else terminal.print(describe(report))
    return report.complete ? 0 : 1
  },
})

function describe({ deleted, merged, complete, findings }: PruneReport): string[] {
  const told = findings.flatMap((finding) => describeFinding(finding) ?? []).map((line) => `  ${printable(line)}`)
  if (!complete) return ['Nothing was deleted: not everything in the home can be read.', ...told, "Run 'boxlite fsck' to see more."]
  return [`Deleted ${count(deleted, 'file')}, folded ${count(merged, 'layer')}.`, ...told]
}
