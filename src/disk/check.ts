// Checks a qcow2 image, as `qemu-img check` does and more strictly. The core decides, this reads.

import { checkAborted } from '../aborted.ts'
import { Core } from '../core/core.ts'
import type { LayerFile } from '../host.ts'
import { HeaderFact, Refusal } from './abi.ts'
import { CheckFact, CheckStep } from './check-abi.ts'
import { describeFinding } from './finding.ts'
import { headerError, headerFacts, readHeaderBytes } from './header.ts'
import { refusalError } from './refusal.ts'
import type { DiskWorkOptions } from './source.ts'

/** What a check found. Numbers of clusters, and offsets in bytes. */
export interface CheckReport {
  /** Damage that can lose data: what `qemu-img check` counts as corruptions. */
  readonly corruptions: number
  /** Clusters that nothing refers to and that are not free. They cost space only. */
  readonly leaks: number
  /** Refcounts that could not be read. */
  readonly checkErrors: number
  /** What `qemu-img check` passes over and the strict policy of imports does not. */
  readonly overlooked: number
  /** Clusters of the disk, and how many of them the image holds, compressed, or away from the one before. */
  readonly totalClusters: number
  readonly allocatedClusters: number
  readonly compressedClusters: number
  readonly fragmentedClusters: number
  /** Where the last cluster in use ends. */
  readonly imageEndOffset: number
  /** The first findings, in words. At most 100. */
  readonly findings: readonly string[]
}

export interface CheckOptions extends DiskWorkOptions {
  /** What to call the image in messages. */
  readonly image?: string
}

/** Reads between two calls of `onProgress`. */
const PROGRESS_READS = 64

/**
 * Checks every table of a qcow2 image; reads nothing else of it and writes nothing. Rejects with `corrupt`, `unsupported`
 * or `limit` when the image cannot be checked, with `aborted` when the signal says so.
 */
export async function checkImage(file: LayerFile, options: CheckOptions = {}): Promise<CheckReport> {
  const core = await Core.create()
  const fileBytes = await file.size()
  const refusal = await readHeaderBytes(file, fileBytes, (bytes) => {
    core.exports.reset()
    core.put(bytes)
    const answer = core.exports.checkBegin(bytes.length, fileBytes)
    return { refusal: answer, neededBytes: headerFacts(core)[HeaderFact.NEEDED_BYTES]! }
  })
  if (refusal !== Refusal.NONE) throw headerError(core, refusal, options.image)
  for (let reads = 0; ; reads++) {
    checkAborted(options.signal)
    const step = core.exports.checkStep()
    const facts = checkFacts(core)
    if (step === CheckStep.DONE) {
      options.onProgress?.(1)
      return report(core, facts)
    }
    if (step === CheckStep.FAILED) {
      const image = options.image === undefined ? {} : { image: options.image }
      throw refusalError(facts[CheckFact.REFUSAL]!, facts[CheckFact.FIELD]!, { value: facts[CheckFact.VALUE]!, ...image })
    }
    if (reads % PROGRESS_READS === 0) options.onProgress?.(facts[CheckFact.PROGRESS]!)
    await readInto(core, file, facts[CheckFact.READ_AT]!, facts[CheckFact.READ_BYTES]!, facts[CheckFact.READ_OFFSET]!)
  }
}

/** Whether the strict policy of imports lets an image with this report in: leaks are harmless, the rest is not. */
export function isSound(report: CheckReport): boolean {
  return report.corruptions + report.checkErrors + report.overlooked === 0
}

function checkFacts(core: Core): Float64Array {
  const at = core.exports.checkFacts()
  return new Float64Array(core.bytes.buffer, at, CheckFact.COUNT)
}

/** Reads straight into the core's memory; it does not grow while the core waits. */
async function readInto(core: Core, file: LayerFile, at: number, bytes: number, offset: number): Promise<void> {
  const target = core.bytes.subarray(at, at + bytes)
  const got = await file.read(target, offset)
  target.fill(0, got)
}

function report(core: Core, facts: Float64Array): CheckReport {
  const findings: string[] = []
  const table = new Float64Array(core.bytes.buffer, facts[CheckFact.FINDINGS_AT]!, facts[CheckFact.FINDING_COUNT]! * 4)
  for (let i = 0; i < table.length; i += 4) findings.push(describeFinding(table[i]!, table[i + 1]!, table[i + 2]!, table[i + 3]!))
  return {
    corruptions: facts[CheckFact.CORRUPTIONS]!,
    leaks: facts[CheckFact.LEAKS]!,
    checkErrors: facts[CheckFact.CHECK_ERRORS]!,
    overlooked: facts[CheckFact.OVERLOOKED]!,
    totalClusters: facts[CheckFact.TOTAL_CLUSTERS]!,
    allocatedClusters: facts[CheckFact.ALLOCATED_CLUSTERS]!,
    compressedClusters: facts[CheckFact.COMPRESSED_CLUSTERS]!,
    fragmentedClusters: facts[CheckFact.FRAGMENTED_CLUSTERS]!,
    imageEndOffset: facts[CheckFact.IMAGE_END_OFFSET]!,
    findings,
  }
}
