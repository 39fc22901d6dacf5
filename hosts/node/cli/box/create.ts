import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat } from '../disk-chain.ts'
import { parseSize, wholeSectors } from '../size.ts'
import { usageError } from '../usage-error.ts'
import { watch } from '../watch.ts'
import { engineOf, engineOption, settingOptions, settingsFrom } from '../machine/options.ts'
import { describeBox } from './describe-box.ts'
import { homeOption, newBoxName } from './options.ts'
import { withHome } from './with-box.ts'

const path = 'create'
const GIB = 2 ** 30

export const boxCreate = defineCommand({
  path,
  summary: 'make a box, of an image, or with a disk that is a copy of another or empty',
  details:
    'An image (--image=base) is something to start: see \'boxlite images ls\'. ' +
    'A disk is checked, then copied: it stays what it is, and a backing file, an external data file or damage is refused. ' +
    'Without --format its magic decides, this once; say raw for a raw disk whose content you do not trust.',
  operands: ['[NAME]'],
  options: {
    name: { type: 'string', short: 'n', value: 'NAME', help: 'the name of the box, unique in its home; the same as NAME' },
    disk: { type: 'string', value: 'FILE', help: 'the file that the disk is a copy of' },
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'its format: qcow2 or raw' },
    size: {
      type: 'string',
      value: 'SIZE',
      help: 'the size of the disk, rounded up to 512 bytes (default: that of the file; else 10G)',
    },
    ...settingOptions,
    ...engineOption,
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [operand]) {
    const format = parseFormat(options.format, '--format', path)
    const { disk, size } = options
    const name = newBoxName(operand, options.name, path)
    if (format !== null && disk === undefined) throw usageError('--format needs --disk', path)
    const settings = settingsFrom(options, path)
    const info = await withHome(terminal, { home: options.home, ...engineOf(options.engine, path) }, async (lite) => {
      const making = {
        ...settings,
        ...(name === undefined ? {} : { name }),
        ...(disk === undefined ? {} : { disk: { path: disk, ...(format === null ? {} : { format }) } }),
        ...(size === undefined ? {} : { diskSizeGb: wholeSectors(parseSize(size, '--size', path), '--size', path) / GIB }),
      }
      const box = await watch(terminal, 'Making the disk', (watched) => lite.create({ ...making, ...watched }))
      return await box.info()
    })
    if (options.json === true) terminal.printJson(info)
    else terminal.print(`Made ${describeBox(info)}`)
    return 0
  },
})
