import { defineCommand } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'
import { attach, inputOf } from './attach.ts'
import { exitCodeOf, startFailureCode } from './exit-code.ts'
import { commandOptions, engineOf, engineOption, execOptionsFrom } from './options.ts'
import { startBox } from './start-box.ts'

const path = 'shell'

export const boxShell = defineCommand({
  path,
  summary: 'open a shell in a box',
  details: 'The box is started where it does not run. Where this is no terminal, the shell reads its commands from standard input.',
  operands: ['BOX'],
  options: { ...commandOptions, ...engineOption, ...homeOption },
  failureCode: startFailureCode,
  async run(terminal, options, [name]) {
    const tty = terminal.isInteractive
    const engine = engineOf(options.engine, path)
    const more = execOptionsFrom(options, path)
    return await withBox(terminal, { home: options.home, ...engine }, name!, async (box, lite) => {
      await startBox(terminal, lite, box)
      return exitCodeOf(await attach(terminal, box.exec('/bin/sh', ['-l'], { ...more, ...inputOf(terminal, tty) }), tty))
    })
  },
})
