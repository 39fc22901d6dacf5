// Images that claim much: opened (and read at both ends) or refused, in little time and memory whatever they claim.

import { mib, ms, verdict, type Table } from './harness.ts'
import { runChild } from './run-child.ts'
import { inScratch, type Scratch } from './scratch.ts'

const targetMs = 50
const targetBytes = 32 * 2 ** 20
const headerBytes = 112
const petabyte = 2 ** 50

interface Claim {
  readonly name: string
  readonly clusterBits: number
  readonly sizeBytes: number
  readonly l1Entries: number
  readonly reftableClusters: number
  readonly snapshots: number
  /** The file is as long as the claim needs; else it ends after the header. */
  readonly whole: boolean
}

const plain = { snapshots: 0, reftableClusters: 1, whole: true }
const largest = { ...plain, clusterBits: 16, l1Entries: 2 ** 22, reftableClusters: 128 }
const claims: readonly Claim[] = [
  { ...plain, name: 'nothing unusual: 1 GiB', clusterBits: 16, sizeBytes: 2 ** 30, l1Entries: 2 },
  { ...plain, name: '1 PiB in clusters of 2 MiB', clusterBits: 21, sizeBytes: petabyte, l1Entries: 2048 },
  { ...plain, name: '1 PiB in clusters of 64 KiB', clusterBits: 16, sizeBytes: petabyte, l1Entries: 2 ** 21 },
  { ...largest, name: 'the largest L1 and refcount tables', sizeBytes: 2 * petabyte },
  { ...largest, name: 'the same, in a file without them', sizeBytes: petabyte, whole: false },
  { ...plain, name: '65,536 internal snapshots', clusterBits: 16, sizeBytes: petabyte, l1Entries: 2 ** 21, snapshots: 65536 },
]

export async function benchHostile(): Promise<Table> {
  return inScratch(async (scratch) => {
    const rows: string[][] = []
    for (const [index, claim] of claims.entries()) {
      const image = `claim${index}.qcow2`
      await writeClaim(scratch, image, claim)
      const { answer, tookMs, peakBytes, startBytes } = await runChild(scratch, 'open', scratch.folder, image)
      const usedBytes = peakBytes - startBytes
      const met = tookMs <= targetMs ? verdict(usedBytes, targetBytes) : verdict(tookMs, targetMs)
      rows.push([claim.name, answer ?? '', ms(tookMs), mib(usedBytes), met])
    }
    return {
      title: 'Images that claim much',
      text: `Process start aside. Target: ${targetMs} ms and ${mib(targetBytes)}.`,
      head: ['claim', 'outcome', 'time', 'memory', 'target'],
      rows,
    }
  })
}

/** A header (qcow2 specification, version 3) whose tables are holes. */
async function writeClaim(scratch: Scratch, name: string, claim: Claim): Promise<void> {
  const clusterBytes = 2 ** claim.clusterBits
  const clusters = (bytes: number): number => Math.ceil(bytes / clusterBytes)
  const l1At = 1 + claim.reftableClusters
  const snapshotsAt = l1At + clusters(claim.l1Entries * 8)
  const end = snapshotsAt + clusters(claim.snapshots * 64)
  const header = new DataView(new ArrayBuffer(headerBytes))
  header.setUint32(0, 0x514649fb)
  header.setUint32(4, 3)
  header.setUint32(20, claim.clusterBits)
  header.setBigUint64(24, BigInt(claim.sizeBytes))
  header.setUint32(36, claim.l1Entries)
  header.setBigUint64(40, BigInt(l1At * clusterBytes))
  header.setBigUint64(48, BigInt(clusterBytes))
  header.setUint32(56, claim.reftableClusters)
  header.setUint32(60, claim.snapshots)
  header.setBigUint64(64, claim.snapshots === 0 ? 0n : BigInt(snapshotsAt * clusterBytes))
  header.setUint32(96, 4)
  header.setUint32(100, headerBytes)
  const file = await scratch.files.open(name, 'create')
  await file.write(new Uint8Array(header.buffer), 0)
  await file.truncate(claim.whole ? end * clusterBytes : clusterBytes)
  await file.close()
}
