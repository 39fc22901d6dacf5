import { statSync } from 'node:fs'
import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { readInput } from '../read-input.ts'
import { watch } from '../watch.ts'
import { describeBox } from './describe-box.ts'
import { homeOption, newBoxName } from './options.ts'
import { withHome } from './with-box.ts'

const path = 'import'

export const boxImport = defineCommand({
  path,
  summary: 'make a box of an archive',
  details:
    "Takes what 'boxlite export' writes, and the .boxlite files of boxlite 0.9 and 0.10. '-' is standard input. " +
    'A damaged archive is refused and leaves no box behind.',
  operands: ['FILE', '[NAME]'],
  options: {
    name: { type: 'string', short: 'n', value: 'NAME', help: "the name of the box; the same as NAME (default: the archive's)" },
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [file, operand]) {
    const name = newBoxName(operand, options.name, path)
    const info = await withHome(terminal, { home: options.home }, async (lite) => {
      // A file says how long it is; a pipe does not, and is read all the same.
      const isFile = file !== '-' && statSync(file!, { throwIfNoEntry: false })?.isFile() === true
      const archive = isFile ? file! : readInput(terminal, file!)
      const box = await watch(terminal, 'Importing', (watched) => lite.import(archive, { ...(name !== undefined && { name }), ...watched }))
      return await box.info()
    })
    if (options.json === true) terminal.printJson(info)
    else terminal.print(`Made ${describeBox(info)}, with ${count(info.snapshotCount, 'snapshot')}`)
    return 0
  },
})
