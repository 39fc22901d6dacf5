import { BoxLiteError } from '../../../../src/error.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { describeBox } from '../box/describe-box.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'
import { engineOf, engineOption } from './options.ts'
import { startBox } from './start-box.ts'

const path = 'start'

export const boxStart = defineCommand({
  path,
  summary: 'start a box and leave it running',
  operands: ['BOX'],
  options: { ...engineOption, ...homeOption, ...jsonOption },
  async run(terminal, options, [name]) {
    const started = await withBox(terminal, { home: options.home, ...engineOf(options.engine, path) }, name!, async (box, lite) => {
      const { engine } = lite
      if (engine.name !== null && !engine.capabilities.detach) {
        throw new BoxLiteError('unsupported', `The engine ${engine.name} cannot leave a machine running when this command ends`, {
          remedy: `Type 'boxlite shell ${box.name ?? box.id}' or 'boxlite exec', which start the box for their own time.`,
          facts: { engine: engine.name },
        })
      }
      await startBox(terminal, lite, box)
      return await box.info()
    })
    if (options.json === true) terminal.printJson(started)
    else terminal.print(`Started ${describeBox(started)}`)
    return 0
  },
})
