// Why the tests of boxes cannot run here.
import { findGuest } from '../../hosts/node/guest-assets.ts'
import { isBoxLiteError } from '../../hosts/node/index.ts'
import type { Engine } from '../../src/engine.ts'

/** Why there is no guest to start, or no such image of it that is built; null: there is. */
export async function whyNoGuest(image = 'base'): Promise<string | null> {
  try {
    const guest = await findGuest()
    return guest.image(image) === null ? `no guest image '${image}' is built: npm run guest -- --image ${image}` : null
  } catch (error) {
    if (isBoxLiteError(error, 'engine_unavailable')) return error.message
    throw error
  }
}

/** Why there can be no box of an image on an engine; null: there can. */
export async function whyNoBox(engine: Engine, image = 'base'): Promise<string | null> {
  const { accelerator, refused } = await engine.probe()
  return (await whyNoGuest(image)) ?? (accelerator === null ? refused.map(({ reason }) => reason).join(' ') : null)
}
