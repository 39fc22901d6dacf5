import { defineCommand, jsonOption } from '../command.ts'
import { describeBox } from './describe-box.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

export const boxRemove = defineCommand({
  path: 'rm',
  summary: 'remove a box with its snapshots',
  details: "Clones of it live on. Its space comes back with 'boxlite prune'.",
  operands: ['BOX'],
  options: { force: { type: 'boolean', help: 'end the machine of a box that is running' }, ...homeOption, ...jsonOption },
  async run(terminal, options, [name]) {
    const removed = await withBox(terminal, options.home, name!, async (box) => {
      await box.remove({ force: options.force === true })
      return { id: box.id, name: box.name }
    })
    if (options.json === true) terminal.printJson(removed)
    else terminal.print(`Removed ${describeBox(removed)}`)
    return 0
  },
})
