import type { Box } from '../../index.ts'
import { defineCommand } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'
import { count } from '../count.ts'
import { printable } from '../printable.ts'
import { usageError } from '../usage-error.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'
import { engineOf, engineOption } from './options.ts'
import { startBox } from './start-box.ts'

const path = 'cp'

export const boxCopy = defineCommand({
  path,
  summary: 'copy files into a box, or out of it',
  details:
    'One of the two is BOX:PATH. What goes to a directory that exists goes into it; a path that ends in /. means what is in the ' +
    "directory. Modes, links and holes are kept. '-' is standard input or output: the content of one file.",
  operands: ['FROM', 'TO'],
  options: { ...engineOption, ...homeOption },
  async run(terminal, options, [from, to]) {
    const [source, target] = [inBox(from!), inBox(to!)]
    const place = source ?? target
    if (place === null || (source !== null && target !== null)) throw usageError('one of FROM and TO has to be BOX:PATH', path)
    const choice = { home: options.home, ...engineOf(options.engine, path) }
    const report = await withBox(terminal, choice, place.box, async (box, lite) => {
      await startBox(terminal, lite, box)
      if (to === '-') return await show(terminal, box, place.path)
      return await watch(terminal, 'Copying', (watched) => {
        if (target === null) return box.files.copyOut(place.path, to!, watched)
        return box.files.copyIn(from === '-' ? terminal.readBytes() : from!, target.path, watched)
      })
    })
    if (report === null) return 0
    for (const { path: left, reason } of report.skipped) terminal.tell(`boxlite: ${printable(left)} was left out: ${printable(reason)}`)
    terminal.print(`Copied ${count(report.entries, 'entry', 'entries')} to ${printable(to!)}`)
    return 0
  },
})

async function show(terminal: Terminal, box: Box, file: string): Promise<null> {
  const progress = terminal.progress('Copying')
  let doneBytes = 0
  try {
    for await (const bytes of box.files.readStream(file, { signal: terminal.signal })) {
      await terminal.writeBytes(bytes)
      // What is shown here and there at once cannot be read.
      if (!terminal.showsOutput) progress.update((doneBytes += bytes.length), null)
    }
  } finally {
    progress.end()
  }
  return null
}

/** A path in a box; null: one of this machine. A path with a slash before its colon is of this machine. */
function inBox(text: string): { readonly box: string; readonly path: string } | null {
  const at = text.indexOf(':')
  return at < 1 || text.slice(0, at).includes('/') ? null : { box: text.slice(0, at), path: text.slice(at + 1) }
}
