import { defineCommand, jsonOption } from '../command.ts'
import { watch } from '../watch.ts'
import { describeBox } from './describe-box.ts'
import { homeOption, newBoxName } from './options.ts'
import { withBox } from './with-box.ts'

const path = 'clone'

export const boxClone = defineCommand({
  path,
  summary: 'make a box whose disk starts as that of another',
  details: 'No bytes are copied: both stand on the same layers, which neither changes.',
  operands: ['BOX', '[NAME]'],
  options: {
    name: { type: 'string', short: 'n', value: 'NAME', help: 'the name of the clone, unique in its home; the same as NAME' },
    snapshot: { type: 'string', value: 'NAME', help: 'start from this snapshot (default: the disk as it is now)' },
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [source, operand]) {
    const { snapshot } = options
    const name = newBoxName(operand, options.name, path)
    const info = await withBox(terminal, { home: options.home }, source!, async (box) => {
      const what = { ...(name === undefined ? {} : { name }), ...(snapshot === undefined ? {} : { snapshot }) }
      const clone = await watch(terminal, 'Cloning', (watched) => box.clone({ ...what, ...watched }))
      return await clone.info()
    })
    if (options.json === true) terminal.printJson(info)
    else terminal.print(`Made ${describeBox(info)}`)
    return 0
  },
})
