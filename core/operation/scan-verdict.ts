// Whether the scan of a home could read everything.

import { Reason, Status } from './abi'
import { fail } from './frames'
import { entryCount } from './layer-table'

/** Whether everything could be read. */
export let scanComplete = false

/** Begins with nothing that could not be. */
export function beginScanVerdict(): void {
  scanComplete = true
}

/** Notes that something could not be read. */
export function scanIncomplete(): void {
  scanComplete = false
}

/** The failure of a table that is full. */
export function tooMany(): i32 {
  return fail(Status.LIMIT, Reason.TOO_MANY_LAYERS, 0, 0, entryCount)
}
