import { isBoxLiteError } from '../../../../src/error.ts'
import type { Box } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { describeBox } from './describe-box.ts'
import { watch, type Watched } from '../watch.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

export const boxRemove = defineCommand({
  path: 'rm',
  summary: 'remove a box with its snapshots',
  details: "Clones of it live on. Its space comes back with 'boxlite prune'. A box whose record is damaged is named by its id.",
  operands: ['BOX'],
  options: {
    force: { type: 'boolean', help: 'end the machine of a box that is running; remove a box whose record is damaged' },
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [name]) {
    const removed = await withBox(terminal, { home: options.home }, name!, async (box) => {
      const damaged = await watch(terminal, 'Removing', (watched) => remove(box, options.force === true, watched))
      return { id: box.id, name: box.name, damaged }
    })
    if (options.json === true) terminal.printJson(removed)
    else {
      const lost = removed.damaged ? "; its record was damaged, and 'boxlite prune' now deletes the disks that only this record named" : ''
      terminal.print(`Removed ${describeBox(removed)}${lost}`)
    }
    return 0
  },
})

/** Answers whether the box's record was damaged. */
async function remove(box: Box, force: boolean, watched: Watched): Promise<boolean> {
  try {
    await box.remove(watched)
    return false
  } catch (error) {
    if (!force || !isBoxLiteError(error)) throw error
    await box.remove({ force, ...watched })
    return error.facts['reason'] === 'record_corrupt'
  }
}
