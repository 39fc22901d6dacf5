import { realpath } from 'node:fs/promises'
import type { Backing } from '../../../../src/disk/create.ts'
import { readImageInfo } from '../../../../src/disk/info.ts'
import { repointBacking } from '../../../../src/disk/repoint.ts'
import { fileCall } from '../../file-call.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, withImage } from '../disk-chain.ts'
import { printable } from '../printable.ts'
import { usageError } from '../usage-error.ts'
import { sizeOfBacking } from './size-of-backing.ts'

const path = 'disk repoint'

export const diskRepoint = defineCommand({
  path,
  summary: 'make an image name another backing file: one that was renamed, moved here or copied',
  details:
    'Only the header changes: whether NAME, a file in the directory of FILE, shows the same bytes as the old backing file is for you to know; ' +
    "'boxlite disk compare' tells. The format of NAME is the one that the header states, or --backing-format; it is never guessed.",
  operands: ['FILE', 'NAME'],
  options: {
    'backing-format': { type: 'string', short: 'F', value: 'FORMAT', help: 'qcow2 or raw: what NAME is' },
    ...jsonOption,
  },
  async run(terminal, options, [file, name]) {
    const stated = parseFormat(options['backing-format'], '--backing-format', path)
    if (/[/\\]/.test(name!)) throw usageError(`'${name!}' is not a plain name`, path, 'A backing file is in the directory of its overlay.')
    const was = await withImage(file!, { format: 'qcow2', mode: 'read' }, async (image) => (await readImageInfo(image.file, file!)).backing)
    const format = stated ?? was?.format ?? null
    if (format !== 'qcow2' && format !== 'raw') {
      throw usageError(`the header of ${file!} does not say what '${name!}' is`, path, 'Say --backing-format=qcow2 or --backing-format=raw.')
    }
    const backing: Backing = { name: name!, format }
    await sizeOfBacking(await fileCall('open', file!, realpath(file!)), backing)
    await withImage(file!, { format: 'qcow2', mode: 'write' }, (image) => repointBacking(image.file, backing))
    if (options.json === true) terminal.printJson({ path: file, backing, before: was === null ? null : { name: was.name, format: was.format } })
    else terminal.print(`${printable(file!)} stands on ${printable(name!)} (${format})${was === null ? '' : `, no longer on ${printable(was.name)}`}`)
    return 0
  },
})
