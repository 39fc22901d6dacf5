import { defineCommand, jsonOption } from '../command.ts'
import { overwriteOption } from '../disk/options.ts'
import { writeNewFile } from '../new-file.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly } from '../size.ts'
import { usageError } from '../usage-error.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

const path = 'export'

export const boxExport = defineCommand({
  path,
  summary: 'write a box with its snapshots, or one snapshot, to one file',
  details:
    "The archive holds all that the box needs, and none of its secrets. It appears whole or not at all; '-' is standard output. " +
    'The box has to be stopped, and is locked meanwhile.',
  operands: ['BOX', 'FILE'],
  options: {
    snapshot: { type: 'string', value: 'NAME', help: 'only the disk as it was at this snapshot' },
    'without-base': { type: 'boolean', help: 'leave the base out; the importing home needs an image with it' },
    ...overwriteOption,
    ...homeOption,
    ...jsonOption,
  },
  async run(terminal, options, [name, file]) {
    const { snapshot } = options
    if (file === '-' && terminal.showsOutput) throw usageError('a terminal does not show an archive well', path, 'Name a file, or pipe the bytes on.')
    const progress = terminal.progress('Exporting')
    const exported = await withBox(terminal, { home: options.home }, name!, async (box) => {
      const archive = box.export({
        ...(snapshot === undefined ? {} : { snapshot }),
        withoutBase: options['without-base'] === true,
        signal: terminal.signal,
        onProgress: ({ doneBytes, totalBytes }) => progress.update(doneBytes, totalBytes),
      })
      let fileBytes = 0
      const pour = async (write: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
        for await (const bytes of archive) {
          await write(bytes)
          fileBytes += bytes.length
        }
      }
      if (file === '-') await pour((bytes) => terminal.writeBytes(bytes))
      else {
        await writeNewFile(file!, { overwrite: options.overwrite === true, signal: terminal.signal }, (target) =>
          pour((bytes) => target.write(bytes, fileBytes)),
        )
      }
      return { id: box.id, name: box.name, snapshot: snapshot ?? null, path: file, fileBytes }
    }).finally(() => progress.end())
    if (file === '-') return 0
    if (options.json === true) terminal.printJson(exported)
    else terminal.print(`Wrote ${printable(file!)}: ${formatSizeExactly(exported.fileBytes)}`)
    return 0
  },
})
