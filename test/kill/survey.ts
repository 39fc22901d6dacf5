// What the disks of a home hold, read anew.

import type { BoxDisk } from '../../src/box-disk.ts'
import type { BoxLite } from '../../src/boxlite.ts'
import { BLOCK_BYTES, sha256 } from './work.mjs'

/** What a disk holds: the SHA-256 of each block. */
export type Content = readonly string[]

/** What was found of a box. */
export interface BoxSurvey {
  readonly live: Content
  readonly snapshots: Readonly<Record<string, Content>>
}

/** Every box by its name. */
export type Survey = Readonly<Record<string, BoxSurvey>>

async function contentOf(disk: BoxDisk): Promise<Content> {
  const bytes = new Uint8Array(disk.sizeBytes)
  await disk.read(0, bytes)
  await disk.close()
  const blocks = Array.from({ length: disk.sizeBytes / BLOCK_BYTES }, (_, i) => bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES))
  return Promise.all(blocks.map(sha256))
}

/** Reads every disk of every box that has a name, those of its snapshots too; but not of the boxes `except`. */
export async function surveyDisks(lite: BoxLite, except: readonly string[] = []): Promise<Survey> {
  const survey: Record<string, BoxSurvey> = {}
  for (const { name } of await lite.list()) {
    if (name === null || except.includes(name)) continue
    const box = (await lite.get(name))!
    const live = await contentOf(await box.disk({ writable: false }))
    const snapshots: Record<string, Content> = {}
    for (const { name: snapshot } of await box.snapshot.list()) snapshots[snapshot] = await contentOf(await box.snapshot.disk(snapshot))
    survey[name] = { live, snapshots }
  }
  return survey
}
