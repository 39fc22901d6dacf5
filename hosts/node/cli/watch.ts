import type { Progress } from '../../../src/progress.ts'
import { count } from './count.ts'
import { printable } from './printable.ts'
import type { ProgressLine } from './progress-line.ts'
import type { Terminal } from './terminal.ts'

/** What a watched call of the library is given. */
export interface Watched {
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

/** Makes a call of the library that may take long: a line says how far it is, and Ctrl-C ends it. */
export async function watch<T>(terminal: Terminal, title: string, call: (watched: Watched) => Promise<T>): Promise<T> {
  const line = terminal.progress(title)
  try {
    return await call({ signal: terminal.signal, onProgress: (progress) => draw(line, progress) })
  } finally {
    line.end()
  }
}

/** Stages that have nothing to count. */
const words = {
  engine: 'looking for an engine',
  machine: 'making the machine',
  guest: 'waiting for the guest',
  shutdown: 'the guest shuts down',
  kill: 'ending the machine',
  freeze: 'the guest writes out what it holds',
  flush: 'writing out what the machine holds',
  commit: 'making the change',
  switch: 'the machine goes on',
  measure: 'finding out how much there is',
} as const

function draw(line: ProgressLine, progress: Progress): void {
  switch (progress.stage) {
    case 'recover':
      return line.step(`recovering box ${progress.doneBoxes + 1} of ${progress.totalBoxes}`)
    case 'build':
      return line.step(printable(progress.step))
    case 'collect':
      return line.step(`${count(progress.deletedFiles, 'file')} deleted`)
    case 'merge':
      return line.step(`${count(progress.mergedLayers, 'layer')} folded`)
    case 'fsck':
      return line.share(progress.doneLayers / Math.max(1, progress.totalLayers))
    case 'assets':
    case 'copy':
    case 'export':
    case 'import':
    case 'adopt':
    case 'copyIn':
    case 'copyOut':
      return line.update(progress.doneBytes, progress.totalBytes)
    default:
      return line.step(words[progress.stage])
  }
}
