import type { Box } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { overwriteOption } from '../disk/options.ts'
import { writeNewFile } from '../new-file.ts'
import { printable } from '../printable.ts'
import { formatSizeExactly } from '../size.ts'
import { usageError } from '../usage-error.ts'
import { watch, type Watched } from '../watch.ts'
import { homeOption } from './options.ts'
import { withBox } from './with-box.ts'

const path = 'export'

export const boxExport = defineCommand({
  path,
  summary: 'write a box with its snapshots, or one snapshot, to one file',
  details:
    "The archive holds all that the box needs, and none of its secrets. It appears whole or not at all; '-' is standard output. " +
    'A box that runs goes on, and is written as its disk was at the beginning; one that does not is locked meanwhile.',
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
    const write = async (box: Box, watched: Watched): Promise<number> => {
      const what = { ...(snapshot === undefined ? {} : { snapshot }), withoutBase: options['without-base'] === true }
      const archive = box.export({ ...what, ...watched })
      let fileBytes = 0
      const pour = async (take: (bytes: Uint8Array) => Promise<void>): Promise<void> => {
        for await (const bytes of archive) {
          await take(bytes)
          fileBytes += bytes.length
        }
      }
      if (file === '-') await pour((bytes) => terminal.writeBytes(bytes))
      else {
        await writeNewFile(file!, { overwrite: options.overwrite === true, signal: terminal.signal }, (target) =>
          pour((bytes) => target.write(bytes, fileBytes)),
        )
      }
      return fileBytes
    }
    const exported = await withBox(terminal, { home: options.home }, name!, async (box) => {
      const fileBytes = await watch(terminal, 'Exporting', (watched) => write(box, watched))
      return { id: box.id, name: box.name, snapshot: snapshot ?? null, path: file, fileBytes }
    })
    if (file === '-') return 0
    if (options.json === true) terminal.printJson(exported)
    else terminal.print(`Wrote ${printable(file!)}: ${formatSizeExactly(exported.fileBytes)}`)
    return 0
  },
})
