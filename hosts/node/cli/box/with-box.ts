import { BoxLiteError } from '../../../../src/error.ts'
import type { Box, BoxLite, EngineName } from '../../index.ts'
import { printable } from '../printable.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

/** Which home, and what runs its boxes. */
export interface HomeChoice {
  readonly home: string | undefined
  /** By default none: most commands start nothing, and need not wait for an engine to be found. */
  readonly engine?: 'auto' | 'none' | EngineName
  /** Shows no progress of the opening. */
  readonly isQuiet?: boolean
}

/** Opens the home, tells what opening it recovered, runs `use` and lets go of the home. */
export async function withHome<T>(
  terminal: Terminal,
  { home, engine = 'none', isQuiet = false }: HomeChoice,
  use: (lite: BoxLite) => Promise<T>,
): Promise<T> {
  // Only here: help and the commands on plain images start faster without the store.
  const { BoxLite } = await import('../../index.ts')
  const where = { ...(home !== undefined && { homeDir: home }), engine }
  const { signal } = terminal
  const lite = isQuiet
    ? await BoxLite.open({ ...where, signal })
    : await watch(terminal, 'Opening the home', (watched) => BoxLite.open({ ...where, ...watched }))
  try {
    for (const { boxId, name, recovery, error } of lite.recovered) {
      // A detached machine that goes on as it was meant to.
      if (recovery === 'resumed') continue
      const box = printable(`box '${name ?? boxId}'`)
      if (error === null) terminal.tell(`boxlite: ${box} was left in the middle of something and is recovered (${recovery})`)
      else terminal.tell(`boxlite: ${box} cannot be recovered: ${printable(error.message)}`)
    }
    return await use(lite)
  } finally {
    // What runs here alone is stopped by that.
    await watch(terminal, 'Closing the home', ({ onProgress }) => lite.close({ onProgress }))
  }
}

/** Like `withHome`, for a command on one box: its id, else exactly its name. */
export async function withBox<T>(
  terminal: Terminal,
  choice: HomeChoice,
  idOrName: string,
  use: (box: Box, lite: BoxLite) => Promise<T>,
): Promise<T> {
  return await withHome(terminal, choice, async (lite) => await use(await boxNamed(lite, idOrName), lite))
}

/** The box of that id, else the one of exactly that name, else `not_found`. */
export async function boxNamed(lite: BoxLite, idOrName: string): Promise<Box> {
  const box = await lite.get(idOrName)
  if (box !== null) return box
  throw new BoxLiteError('not_found', `box '${idOrName}' not found in ${lite.location}`, {
    remedy: "Run 'boxlite ls' to see the boxes.",
    facts: { box: idOrName, homeDir: lite.location },
  })
}
