import { defineCommand } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withHome } from '../box/with-box.ts'
import { parseSize, wholeSectors } from '../size.ts'
import { watch } from '../watch.ts'
import { attach, inputOf } from './attach.ts'
import { exitCodeOf, startFailureCode } from './exit-code.ts'
import { engineOf, engineOption, settingOptions, settingsFrom } from './options.ts'

const path = 'run'
const GIB = 2 ** 30

export const boxRun = defineCommand({
  path,
  summary: 'run a command in a fresh box, which is gone afterwards',
  details: "The image is 'base' unless you say which. Input, output and exit codes are those of 'boxlite exec'.",
  operands: ['COMMAND...'],
  options: {
    tty: { type: 'boolean', short: 't', help: 'give the command this terminal' },
    size: { type: 'string', value: 'SIZE', help: 'the size of the disk (default: 10G)' },
    ...settingOptions,
    ...engineOption,
    ...homeOption,
  },
  failureCode: startFailureCode,
  async run(terminal, options, [command, ...args]) {
    const tty = options.tty === true && terminal.isInteractive
    const { size, home } = options
    const settings = settingsFrom(options, path)
    const diskSizeGb = size === undefined ? {} : { diskSizeGb: wholeSectors(parseSize(size, '--size', path), '--size', path) / GIB }
    return await withHome(terminal, { home, ...engineOf(options.engine, path) }, async (lite) => {
      const making = { image: 'base', ...settings, ...diskSizeGb, autoRemove: true }
      const box = await watch(terminal, 'Starting', (watched) => lite.create({ ...making, ...watched }))
      try {
        await watch(terminal, 'Starting', (watched) => box.start(watched))
        return exitCodeOf(await attach(terminal, box.exec(command!, args, inputOf(terminal, tty)), tty))
      } finally {
        await watch(terminal, 'Removing', ({ onProgress }) => box.remove({ force: true, onProgress }))
      }
    })
  },
})
