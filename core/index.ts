// Every export of core.wasm. The module imports nothing: bytes come in and go out through the
// exchange buffer, and what has to happen in the world is handed out as an effect.

import { resetOldBox } from './legacy/recover'
import { ensureExchange, resetMemory } from './memory'
import { judgeName } from './name'
import { resetBulk } from './qcow2/bulk'
import { resetCheck } from './qcow2/check'
import { resetOperation } from './operation/engine'
import { resetImage } from './qcow2/image'
import { resetSha256 } from './sha256'

export { oldBoxBegin, oldBoxResume } from './legacy/recover'
export { bulkBegin, bulkEnd, bulkPlace, bulkWrites, bulkZero } from './qcow2/bulk'
export { checkBegin, checkFacts, checkStep } from './qcow2/check'
export { diskFacts } from './qcow2/chain'
export { diskAdd, diskBegin, diskSupply } from './qcow2/disk'
export { imageFacts, imageParse, imagePlan } from './qcow2/image'
export { diskMap } from './qcow2/map'
export { diskParts } from './qcow2/move-table'
export { diskFreed, diskRelease } from './qcow2/refcounts'
export { imageParts, imageRepoint } from './qcow2/repoint'
export { diskStepDone, diskStepDrop } from './qcow2/steps'
export { diskClean, diskDirty, diskGrow, diskPrepare, diskSetSize, diskWritable, diskWrite, diskZero } from './qcow2/writer'

/** Forgets the task this instance was doing. Every pointer handed out before is void. */
export function reset(): void {
  resetMemory()
  resetImage()
  resetCheck()
  resetBulk()
  resetOperation()
  resetSha256()
  resetOldBox()
}

/** A pointer to an exchange buffer of at least `bytes` bytes, or 0 when the memory limit is reached. */
export function exchange(bytes: u32): usize {
  return ensureExchange(bytes)
}

/** The verdict (see verdict.ts) on the name in the first `lengthBytes` of the exchange buffer. */
export function nameVerdict(lengthBytes: u32): i32 {
  return judgeName(ensureExchange(lengthBytes), lengthBytes)
}

export { lifecycleNext } from './lifecycle'
export { operationBegin, operationResume } from './operation/engine'
export { recordProblem, recordVerdict } from './record-verdict'
export { sha256Begin, sha256End, sha256Update } from './sha256'
