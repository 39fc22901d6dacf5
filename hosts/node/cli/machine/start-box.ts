import type { Box, BoxLite } from '../../index.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

/**
 * Starts a box where it does not run, with progress. Its machine is left running when this command ends, where the engine can;
 * says so where it cannot. Answers whether it is left.
 */
export async function startBox(terminal: Terminal, lite: BoxLite, box: Box): Promise<boolean> {
  const { state, settings } = await box.info()
  const { name, capabilities } = lite.engine
  const detach = settings.detach ?? (capabilities.detach && settings.autoRemove !== true)
  await watch(terminal, 'Starting', (watched) => box.start({ detach, ...watched }))
  const stays = (await box.info()).machine?.detached === true
  if (!stays && state !== 'running') terminal.tell(`boxlite: the box stops when this command ends: ${why(name, capabilities.detach)}`)
  return stays
}

function why(engine: string | null, canDetach: boolean): string {
  return canDetach ? 'it was made so.' : `the engine ${engine} cannot leave a machine running.`
}
