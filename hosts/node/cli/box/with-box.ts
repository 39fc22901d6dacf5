import { BoxLiteError } from '../../../../src/error.ts'
import type { Box, BoxLite } from '../../index.ts'
import { printable } from '../printable.ts'
import type { Terminal } from '../terminal.ts'

/** Opens the home, tells what opening it recovered, runs `use` and lets go of the home. */
export async function withHome<T>(terminal: Terminal, home: string | undefined, use: (lite: BoxLite) => Promise<T>): Promise<T> {
  // Only here: help and the commands on plain images start faster without the store.
  const { BoxLite } = await import('../../index.ts')
  const lite = await BoxLite.open(home === undefined ? {} : { homeDir: home })
  try {
    for (const { boxId, name, recovery, error } of lite.recovered) {
      const box = printable(`box '${name ?? boxId}'`)
      if (error === null) terminal.tell(`boxlite: ${box} was left in the middle of something and is recovered (${recovery})`)
      else terminal.tell(`boxlite: ${box} cannot be recovered: ${printable(error.message)}`)
    }
    return await use(lite)
  } finally {
    await lite.close()
  }
}

/** Like `withHome`, for a command on one box: its id, else exactly its name. */
export async function withBox<T>(
  terminal: Terminal,
  home: string | undefined,
  idOrName: string,
  use: (box: Box, lite: BoxLite) => Promise<T>,
): Promise<T> {
  return await withHome(terminal, home, async (lite) => {
    const box = await lite.get(idOrName)
    if (box !== null) return await use(box, lite)
    throw new BoxLiteError('not_found', `box '${idOrName}' not found in ${lite.location}`, {
      remedy: "Run 'boxlite ls' to see the boxes.",
      facts: { box: idOrName, homeDir: lite.location },
    })
  })
}
