import { defineCommand } from '../command.ts'
import { homeOption } from '../box/options.ts'
import { withBox } from '../box/with-box.ts'

export const boxLogs = defineCommand({
  path: 'logs',
  summary: "show what a box's console said, of its last machine where it does not run",
  operands: ['BOX'],
  options: { follow: { type: 'boolean', short: 'f', help: 'go on until the box stops' }, ...homeOption },
  async run(terminal, options, [name]) {
    await withBox(terminal, { home: options.home }, name!, async (box) => {
      const { signal } = terminal
      for await (const text of box.logs({ follow: options.follow === true, signal })) await terminal.writeBytes(new TextEncoder().encode(text))
    })
    return 0
  },
})
