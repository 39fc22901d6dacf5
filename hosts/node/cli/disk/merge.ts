import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { mergeLayers } from '../../../../src/disk/merge.ts'
import { BoxLiteError } from '../../../../src/error.ts'
import { nodeCodec } from '../../codec.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { parseFormat, withChain } from '../disk-chain.ts'
import { fileCall } from '../../file-call.ts'
import { writeNewFile } from '../new-file.ts'
import { printable } from '../printable.ts'
import { backingFormatOption } from './options.ts'

const path = 'disk merge'

export const diskMerge = defineCommand({
  path,
  summary: 'fold the backing file of an image into the image',
  details:
    'FILE then shows the same disk and backs on what its backing file backed on. It is replaced as a whole; the backing file stays as it is, ' +
    'for whatever else backs on it.',
  operands: ['FILE'],
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'write the merged image here, in the directory of FILE, which stays as it is' },
    ...backingFormatOption,
    ...jsonOption,
  },
  async run(terminal, options, [file]) {
    const backingFormat = parseFormat(options['backing-format'], '--backing-format', path)
    const merged = await withChain(file!, { format: 'qcow2', backingFormat, mode: 'read' }, async ([upper, lower, ...below]) => {
      if (lower === undefined) {
        throw new BoxLiteError('invalid_argument', `${file!} has no backing file`, { remedy: 'There is nothing to merge.', facts: { path: file } })
      }
      const next = below[0]
      const backing = next === undefined ? null : { name: next.name, format: next.format }
      const target = await targetOf(file!, options.output)
      const { signal } = terminal
      const progress = terminal.progress('Merging')
      await writeNewFile(target, { overwrite: options.output === undefined, signal }, async (output) => {
        const onProgress = (done: number): void => progress.share(done)
        await mergeLayers({ upper: upper!, lower, below, target: output, backing, codec: nodeCodec, signal, onProgress })
      }).finally(() => progress.end())
      return { path: options.output ?? file!, merged: lower.name, backing }
    })
    if (options.json === true) terminal.printJson(merged)
    else {
      const now = merged.backing === null ? 'on its own' : `on ${printable(merged.backing.name)}`
      terminal.print(`Merged ${printable(merged.merged)} into ${printable(merged.path)}, which stands ${now}`)
    }
    return 0
  },
})

/** Where the merged image goes: beside FILE, as its backing file is named from there. A symbolic link is followed, not replaced. */
async function targetOf(file: string, output: string | undefined): Promise<string> {
  const real = await fileCall('open', file, realpath(file))
  if (output === undefined) return real
  const directory = await fileCall('make', output, realpath(dirname(output)))
  if (directory === dirname(real)) return output
  throw new BoxLiteError('invalid_argument', `${output} is not in the directory of ${file}, where its backing file is`, {
    remedy: `Name a file in ${dirname(real)}.`,
    facts: { path: file, output },
  })
}
