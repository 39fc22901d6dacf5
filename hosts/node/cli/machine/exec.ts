import { defineCommand } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'
import { attach, inputOf } from './attach.ts'
import { exitCodeOf, startFailureCode } from './exit-code.ts'
import { commandOptions, engineOf, engineOption, execOptionsFrom } from './options.ts'
import { startBox } from './start-box.ts'

const path = 'exec'

export const boxExec = defineCommand({
  path,
  summary: 'run a command in a box',
  details:
    'The box is started where it does not run. Standard input, where it is no terminal, goes to the command. ' +
    "The exit code is the command's own, or 128 and the number of the signal that ended it; " +
    '125 when boxlite failed, 126 when the command cannot be executed, 127 when it was not found.',
  operands: ['BOX', 'COMMAND...'],
  options: {
    tty: { type: 'boolean', short: 't', help: 'give the command this terminal' },
    ...commandOptions,
    ...engineOption,
    ...homeOption,
  },
  failureCode: startFailureCode,
  async run(terminal, options, [name, command, ...args]) {
    const tty = options.tty === true && terminal.isInteractive
    const engine = engineOf(options.engine, path)
    const more = execOptionsFrom(options, path)
    return await withBox(terminal, { home: options.home, ...engine }, name!, async (box, lite) => {
      await startBox(terminal, lite, box)
      return exitCodeOf(await attach(terminal, box.exec(command!, args, { ...more, ...inputOf(terminal, tty) }), tty))
    })
  },
})
