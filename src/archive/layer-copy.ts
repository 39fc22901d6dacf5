// Copies what a span holds into a new layer: data as data, zeros as zeros, and nothing where there is nothing.

import type { LayerTarget } from './layer-image.ts'
import { layerRuns, type LayerSpan } from './layer-runs.ts'
import type { ArchiveMeter } from './progress.ts'

/** How much is held at once, in bytes. */
const CHUNK_BYTES = 1024 * 1024

/** Copies `span` into `target`, which is empty and as large. */
export async function copyLayer(span: LayerSpan, target: LayerTarget, progress: ArchiveMeter): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES)
  for await (const { kind, offset, length } of layerRuns(span)) {
    if (kind === 'zero') {
      await target.writeZeroes(offset, length)
      continue
    }
    for (let at = offset; at < offset + length; at += CHUNK_BYTES) {
      const part = chunk.subarray(0, Math.min(CHUNK_BYTES, offset + length - at))
      await span.disk.read(at, part)
      await target.write(at, part)
      progress.advance(part.length)
    }
  }
}
