// The commands on images.

import type { ImageInfo } from '../../index.ts'
import { defineCommand, jsonOption, type Command } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withHome } from '../box/with-box.ts'
import { formatDate } from '../date.ts'
import { printable } from '../printable.ts'
import { formatSize } from '../size.ts'
import { drawTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

const common = { ...homeOption, ...jsonOption } as const

const columns = [{ title: 'IMAGE' }, { title: 'DIGEST' }, { title: 'SIZE', align: 'right' }, { title: 'IN THE HOME SINCE' }] as const

const imagesList = defineCommand({
  path: 'images ls',
  summary: 'list the images of the home, and those that could come into it',
  operands: [],
  options: common,
  async run(terminal, options) {
    const images = await withHome(terminal, { home: options.home }, (lite) => lite.images.list())
    if (options.json === true) terminal.printJson(images)
    else terminal.print(drawTable(columns, images.map(rowOf)))
    return 0
  },
})

const imagesBuild = defineCommand({
  path: 'images build',
  summary: 'build an image of a recipe, such as python, and bring it into the home',
  operands: ['IMAGE'],
  options: common,
  async run(terminal, options, [name]) {
    const image = await withHome(terminal, { home: options.home }, (lite) =>
      watch(terminal, 'Building', (watched) => lite.images.build(name!, watched)),
    )
    return tell(terminal, options.json, image)
  },
})

const imagesImport = defineCommand({
  path: 'images import',
  summary: 'make an image of a directory or a tar',
  details: 'Owners, modes, links and devices are kept; names that would lead out of the tree are refused.',
  operands: ['IMAGE', 'PATH'],
  options: common,
  async run(terminal, options, [name, path]) {
    const image = await withHome(terminal, { home: options.home }, (lite) =>
      watch(terminal, 'Importing', (watched) => lite.images.import(name!, { path: path! }, watched)),
    )
    return tell(terminal, options.json, image)
  },
})

const imagesRemove = defineCommand({
  path: 'images rm',
  summary: 'forget an image',
  details: "Boxes that were made of it live on. Its space comes back with 'boxlite prune' when no box stands on it.",
  operands: ['IMAGE'],
  options: homeOption,
  async run(terminal, options, [name]) {
    await withHome(terminal, { home: options.home }, (lite) =>
      watch(terminal, 'Removing', (watched) => lite.images.remove(name!, watched)),
    )
    terminal.print(`Removed image '${printable(name!)}'`)
    return 0
  },
})

export const imageCommands: readonly Command[] = [imagesList, imagesBuild, imagesImport, imagesRemove]

function rowOf({ reference, digest, virtualSizeBytes, createdAt }: ImageInfo): string[] {
  const size = virtualSizeBytes === null ? '' : formatSize(virtualSizeBytes)
  const since = createdAt === null ? (digest === null ? '(not built)' : '(when first used)') : formatDate(createdAt)
  return [printable(reference), digest?.slice(0, 12) ?? '', size, since]
}

function tell(terminal: Terminal, json: boolean | undefined, image: ImageInfo): number {
  if (json === true) terminal.printJson(image)
  else terminal.print(`Image '${printable(image.reference)}' is in the home (${image.digest?.slice(0, 12)})`)
  return 0
}
