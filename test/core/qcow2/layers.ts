// Layers in memory for tests.

import type { LayerFile } from '../../../src/host.ts'
import { createImage } from '../../../src/disk/create.ts'
import { Disk, type Layer } from '../../../src/disk/disk.ts'
import { newFile } from './recording-file.ts'

export const MIB = 1 << 20
export const CLUSTER_BYTES = 65536

export const qcow2 = (name: string, file: LayerFile): Layer => ({ name, format: 'qcow2', file })
export const raw = (name: string, file: LayerFile): Layer => ({ name, format: 'raw', file })

export async function overlay(name: string, sizeBytes: number, below?: Layer): Promise<Layer> {
  const file = newFile()
  await createImage(file, { sizeBytes, backing: below === undefined ? null : { name: below.name, format: below.format } })
  return qcow2(name, file)
}

export async function readAll(layers: readonly Layer[]): Promise<Uint8Array> {
  const disk = await Disk.open(layers)
  const bytes = new Uint8Array(disk.sizeBytes)
  await disk.read(0, bytes)
  return bytes
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, at) => byte === b[at])
