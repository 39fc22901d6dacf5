import type { CreateProgress } from '../../index.ts'
import type { Progress } from '../progress.ts'

/** Draws how far the making of a box is. */
export function showCreation(progress: Progress, told: CreateProgress): void {
  if (told.stage === 'build') progress.step(told.step)
  else progress.update(told.doneBytes, told.totalBytes)
}
