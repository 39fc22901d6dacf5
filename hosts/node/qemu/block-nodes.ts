// The disk of a machine as QEMU's block nodes: for each layer its format with its file inside, every driver and every backing
// node named. QEMU probes nothing, and follows no name that an image holds.
//
//   virtio-blk -> q<top> -> q<next> -> ... -> r<base>        the top alone may be written
//                   |          |                 |
//                 file       file              file
//
// What is not said is QEMU's default, and right: through the host's page cache, where a guest's flush becomes an fdatasync of
// the file and nothing less; and QEMU's own locks, so that a file is not written twice at once. Each byte of a command costs
// microseconds while the guest stands still: QEMU takes commands in byte by byte.
//
// A node's name is its layer's: q (qcow2) or r (raw), then the 128-bit id in base 36. So the name of the device's node says
// which layer it writes, to any process that asks, and stays within QEMU's 31 characters.
//
// QEMU runs where the layers are, so that a file has the very name that the header above it says. Where the two
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
  return disk.map((layer, depth) => layerNode(layer, disk[depth + 1] ?? null, depth === 0)).reverse()
}

/** A layer: what is in its file, and the file. `backing` is the layer below; null for none, or for one that comes later. */
export function layerNode(layer: string, backing: string | null, writable: boolean): BlockNode {
  const file = { driver: 'file', 'node-name': fileName(layer), filename: layer }
  return { ...formatNode(layer, backing, writable), file }
}

/** The same for a layer that is open already: its file is named, not described. */
export function openedNode(layer: string, backing: string | null): BlockNode {
  return { ...formatNode(layer, backing, true), file: fileName(layer) }
}

function formatNode(layer: string, backing: string | null, writable: boolean): BlockNode {
  const { format } = parseLayer(layer)
  if (format === 'raw' && backing !== null) {
    throw new BoxLiteError('invalid_argument', `${layer} is raw: it cannot stand on ${backing}`, { facts: { layer, backing } })
  }
  return {
    driver: format,
    'node-name': nodeName(layer),
    ...(format === 'qcow2' ? { backing: backing === null ? null : nodeName(backing) } : {}),
    ...(writable ? { discard: 'unmap', 'detect-zeroes': 'unmap' } : { 'read-only': true }),
  }
}

function fileName(layer: string): string {
  return `f${nodeName(layer)}`
}

function parseLayer(layer: string): { id: string; format: 'qcow2' | 'raw' } {
  const match = /^([0-9a-f]{32})\.(qcow2|raw)$/.exec(layer)
  if (match === null) throw new BoxLiteError('invalid_argument', `${JSON.stringify(layer)} is not the name of a layer`, { facts: { layer } })
  return { id: match[1]!, format: match[2] as 'qcow2' | 'raw' }
}
