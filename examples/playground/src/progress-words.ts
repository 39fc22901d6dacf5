// How far a call of the library is, in words and bytes.

import type { Progress } from 'boxlite'

export interface Far {
  /** What happens just now; null: what the task is called says it. */
  readonly step: string | null
  readonly doneBytes: number
  /** Null where nobody knows how much there is. */
  readonly totalBytes: number | null
}

const words: Readonly<Partial<Record<Progress['stage'], string>>> = {
  engine: 'trying the engine',
  machine: 'loading the machine',
  guest: 'the guest boots',
  copy: 'copying the image',
  freeze: 'the file systems come to rest',
  flush: 'writing out',
  commit: 'making it so',
  switch: 'going on',
  shutdown: 'the guest shuts down',
  kill: 'ending the machine',
  measure: 'measuring',
  collect: 'deleting what nothing needs',
  merge: 'folding layers',
}

export function farOf(progress: Progress): Far {
  const step = words[progress.stage] ?? null
  const plain = { step, doneBytes: 0, totalBytes: null }
  switch (progress.stage) {
    case 'assets':
      return { ...progress, step: `downloading ${progress.file}` }
    case 'recover':
      return { ...plain, step: `looking at box ${progress.doneBoxes} of ${progress.totalBoxes}` }
    case 'fsck':
      return { ...plain, step: `layer ${progress.doneLayers} of ${progress.totalLayers}` }
    case 'build':
      return { ...plain, step: progress.step }
    default:
      return 'doneBytes' in progress ? { step, doneBytes: progress.doneBytes, totalBytes: progress.totalBytes } : plain
  }
}
