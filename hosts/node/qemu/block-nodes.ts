// The disk of a machine as QEMU's block nodes: two for each layer, its file and its format, with every driver and every
// backing node named. QEMU probes nothing, and follows no name that an image holds.
//
//   virtio-blk -> q<top> -> q<next> -> ... -> r<base>        format nodes; the top alone may be written
//                   |          |                 |
//                 f<top>    f<next>           f<base>        file nodes
//
// A node's name is its layer's: q (qcow2) or r (raw), then the 128-bit id in base 36. So the name of the device's node says
// which layer it writes, to any process that asks, and stays within QEMU's 31 characters.
//
// QEMU runs in the directory of the layers, so that a file has the very name that the header above it says. Where the two
// differ, QEMU takes the backing file for an override and writes all options of the chain into each node's name: 200 layers
// then take 5 s to open, and 1,000 ten minutes.

import { BoxLiteError } from '../../../src/error.ts'

/** What `-blockdev`, `blockdev-add` and `blockdev-reopen` take. */
export type BlockNode = Readonly<Record<string, unknown>> & { readonly 'node-name': string }

/** Most layers of a chain; a longer one is refused at every open. */
export const CHAIN_LIMIT_LAYERS = 1000

const ID_DIGITS = 25
const letters = { qcow2: 'q', raw: 'r' } as const

/** The format node of a layer (`<32 hex>.qcow2` or `.raw`). */
export function nodeName(layer: string): string {
  const { id, format } = parseLayer(layer)
  return letters[format] + BigInt(`0x${id}`).toString(36).padStart(ID_DIGITS, '0')
}

/** The layer whose format node this is; null for any other name. */
export function layerOfNode(name: string): string | null {
  const match = /^([qr])([0-9a-z]{25})$/.exec(name)
  if (match === null) return null
  let id = 0n
  for (const digit of match[2]!) id = id * 36n + BigInt(parseInt(digit, 36))
  const hex = id.toString(16).padStart(32, '0')
  return hex.length > 32 ? null : `${hex}.${match[1] === 'q' ? 'qcow2' : 'raw'}`
}

/** The nodes of a whole chain in the order in which QEMU can make them: the base first. `disk` is from the top. */
export function chainNodes(disk: readonly string[]): BlockNode[] {
  if (disk.length === 0) throw new BoxLiteError('invalid_argument', 'a machine needs at least one layer for its disk')
  if (disk.length > CHAIN_LIMIT_LAYERS) {
    throw new BoxLiteError('limit', `A chain of ${disk.length} layers is longer than ${CHAIN_LIMIT_LAYERS}`, {
      remedy: 'Merge layers first: boxlite prune.',
      facts: { layers: disk.length, limit: CHAIN_LIMIT_LAYERS },
    })
  }
  const nodes: BlockNode[] = []
  for (let depth = disk.length - 1; depth >= 0; depth--) {
    const layer = disk[depth]!
    const writable = depth === 0
    nodes.push(fileNode(layer, writable), formatNode(layer, disk[depth + 1] ?? null, writable))
  }
  return nodes
}

/** The two nodes of an overlay that a running machine is to be switched to: what is under it comes with the switch. */
export function overlayNodes(layer: string): BlockNode[] {
  return [fileNode(layer, true), formatNode(layer, null, true)]
}

/** A layer's file. QEMU's own lock stays on: a file that is written twice at once is refused by the second. */
export function fileNode(layer: string, writable: boolean): BlockNode {
  return {
    driver: 'file',
    'node-name': `f${nodeName(layer)}`,
    filename: layer,
    locking: 'auto',
    aio: 'threads',
    ...access(writable),
  }
}

/** What is in a layer's file. `backing` is the layer below, or null. */
export function formatNode(layer: string, backing: string | null, writable: boolean): BlockNode {
  const { format } = parseLayer(layer)
  if (format === 'raw' && backing !== null) {
    throw new BoxLiteError('invalid_argument', `${layer} is raw: it cannot stand on ${backing}`, { facts: { layer, backing } })
  }
  return {
    driver: format,
    'node-name': nodeName(layer),
    file: `f${nodeName(layer)}`,
    ...(format === 'qcow2' ? { backing: backing === null ? null : nodeName(backing) } : {}),
    ...(writable ? { 'detect-zeroes': 'unmap' } : {}),
    ...access(writable),
  }
}

// Through the host's page cache; a guest's flush becomes an fdatasync of the file, and nothing less.
function access(writable: boolean): Record<string, unknown> {
  return { 'read-only': !writable, 'auto-read-only': false, discard: 'unmap', cache: { direct: false, 'no-flush': false } }
}

function parseLayer(layer: string): { id: string; format: 'qcow2' | 'raw' } {
  const match = /^([0-9a-f]{32})\.(qcow2|raw)$/.exec(layer)
  if (match === null) throw new BoxLiteError('invalid_argument', `${JSON.stringify(layer)} is not the name of a layer`, { facts: { layer } })
  return { id: match[1]!, format: match[2] as 'qcow2' | 'raw' }
}
