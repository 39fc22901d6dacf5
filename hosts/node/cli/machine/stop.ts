import { defineCommand, jsonOption } from '../command.ts'
import { describeBox } from '../box/describe-box.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'
import { watch } from '../watch.ts'
import { wholeNumber } from './options.ts'

const path = 'stop'

export const boxStop = defineCommand({
  path,
  summary: 'stop a box',
  details: 'The guest shuts down by itself; where it does not in time, its machine is ended. Nothing for a box that does not run.',
  operands: ['BOX'],
  options: {
    force: { type: 'boolean', help: 'end the machine at once, as a power cut would' },
    timeout: { type: 'string', value: 'SECONDS', help: 'how long the guest may take (default: 15)' },
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [name]) {
    const stopTimeoutMs = options.timeout === undefined ? undefined : wholeNumber(options.timeout, '--timeout', path) * 1000
    const stopped = await withBox(terminal, { home: options.home }, name!, async (box) => {
      const how = { force: options.force === true, ...(stopTimeoutMs !== undefined && { stopTimeoutMs }) }
      const exit = await watch(terminal, 'Stopping', (watched) => box.stop({ ...how, ...watched }))
      return { id: box.id, name: box.name, exit: exit?.reason ?? null }
    })
    if (stopped.exit === 'killed' && options.force !== true) {
      terminal.tell('boxlite: the guest did not shut down in time, so its machine was ended: what it had not written out is lost.')
    }
    if (options.json === true) terminal.printJson(stopped)
    else terminal.print(`Stopped ${describeBox(stopped)}`)
    return 0
  },
})
