// A defect of an image, and who refuses it how.

import type { PlainImage, PlainOptions } from './plain-image.ts'

/** A defect: how it is made, and who refuses it how. `open` refusals are refusals of the check, too. */
export interface Defect {
  readonly make: (image: PlainImage) => void
  readonly options?: PlainOptions
  readonly open?: string
  readonly read?: string
  readonly check?: RegExp
  readonly imported?: string
}
