// Images as qemu-img makes them, one of each kind. Every image has an odd mixture of data, zeros and holes.

import { writeFile } from 'node:fs/promises'
import { qemuImg, qemuIo, run, type Workplace } from './qemu.ts'

/** How to make one image. */
export interface Recipe {
  readonly name: string
  /** The `-o` options of `qemu-img create`. */
  readonly options: string
  readonly sizeBytes: number
  /** Commands of qemu-io that fill it. */
  readonly commands: readonly string[]
  /** Compress the content with `qemu-img convert -c` first. */
  readonly compressed?: boolean
  /** Names of internal snapshots, each taken before the next of `later`. */
  readonly snapshots?: readonly { readonly name: string; readonly later: readonly string[] }[]
  readonly bitmaps?: readonly string[]
}

const KIB = 1024
const MIB = 1024 * KIB

function mixture(sizeBytes: number, clusterBytes: number, zeroes: boolean): string[] {
  const step = clusterBytes
  const at = (clusters: number): number => Math.min(Math.floor(clusters * step), sizeBytes - 512)
  const fit = (offset: number, length: number): string => `${offset} ${Math.min(length, sizeBytes - offset)}`
  const commands = [
    `write -P 0x11 ${fit(0, step)}`,
    `write -P 0x22 ${fit(at(2) + 512, step * 2)}`,
    `write -P 0x33 ${fit(at(7), 512)}`,
    `write -P 0x44 ${fit(sizeBytes - 512, 512)}`,
    `write -P 0x55 ${fit(Math.floor(sizeBytes / 2 / 512) * 512, step + 512)}`,
  ]
  if (zeroes) commands.push(`write -z ${fit(at(3), step)}`, `write -z ${fit(at(12), step * 2)}`, `write -z -u ${fit(at(0), step)}`)
  return commands
}

function recipe(name: string, options: string, sizeBytes: number, clusterBytes: number, extra: Partial<Recipe> = {}): Recipe {
  return { name, options, sizeBytes, commands: mixture(sizeBytes, clusterBytes, !options.includes('compat=0.10')), ...extra }
}

/** One image of each kind. */
export const recipes: readonly Recipe[] = [
  ...[512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576, 2097152].map((clusterBytes) =>
    recipe(`v3-cluster-${clusterBytes}`, `cluster_size=${clusterBytes}`, 9 * MIB + 512, clusterBytes),
  ),
  ...[512, 4096, 65536, 2097152].map((clusterBytes) =>
    recipe(`v2-cluster-${clusterBytes}`, `compat=0.10,cluster_size=${clusterBytes}`, 9 * MIB + 512, clusterBytes),
  ),
  ...[1, 2, 4, 8, 16, 32, 64].map((bits) => recipe(`refcount-${bits}`, `refcount_bits=${bits},cluster_size=4096`, 5 * MIB + 1536, 4096)),
  ...[16384, 65536, 2097152].map((clusterBytes) =>
    recipe(`extended-l2-${clusterBytes}`, `extended_l2=on,cluster_size=${clusterBytes}`, 9 * MIB + 512, clusterBytes, {
      commands: [
        ...mixture(9 * MIB + 512, clusterBytes, true),
        `write -P 0x66 ${clusterBytes * 2 + clusterBytes / 32} ${clusterBytes / 32}`,
        `write -z ${clusterBytes * 2 + clusterBytes / 16} ${clusterBytes / 32}`,
      ],
    }),
  ),
  ...[512, 4096, 65536, 1048576].flatMap((clusterBytes) =>
    ['zlib', 'zstd'].map((type) =>
      recipe(`${type}-${clusterBytes}`, `compression_type=${type},cluster_size=${clusterBytes}`, 5 * MIB + 512, clusterBytes, { compressed: true }),
    ),
  ),
  recipe('v2-compressed', 'compat=0.10,cluster_size=65536', 5 * MIB + 512, 65536, { compressed: true }),
  recipe('extended-l2-compressed', 'extended_l2=on,cluster_size=65536', 5 * MIB + 512, 65536, { compressed: true }),
  recipe('preallocated', 'preallocation=metadata,cluster_size=65536', 6 * MIB, 65536),
  recipe('lazy', 'lazy_refcounts=on,cluster_size=65536', 6 * MIB, 65536),
  recipe('one-sector', 'cluster_size=65536', 512, 65536, { commands: ['write -P 7 0 512'] }),
  recipe('empty', 'cluster_size=65536', 3 * MIB, 65536, { commands: [] }),
  recipe('no-bytes', 'cluster_size=65536', 0, 65536, { commands: [] }),
  recipe('snapshots', 'cluster_size=4096', 2 * MIB, 4096, {
    snapshots: [
      { name: 'first', later: ['write -P 0x77 0 16384', 'write -z 65536 8192'] },
      { name: 'second, with a longer name', later: ['write -P 0x78 4096 4096', 'discard 131072 65536'] },
    ],
  }),
  recipe('v2-snapshots', 'compat=0.10,cluster_size=65536', 4 * MIB, 65536, { snapshots: [{ name: 'one', later: ['write -P 0x79 0 65536'] }] }),
  recipe('bitmaps', 'cluster_size=4096', 4 * MIB, 4096, { bitmaps: ['b0', 'bitmap one'] }),
]

/** Makes the image of `recipe` in `place` and answers its file name. */
export async function makeImage(place: Workplace, recipe: Recipe): Promise<string> {
  const name = `${recipe.name}.qcow2`
  const path = place.path(name)
  await qemuImg('create', '-q', '-f', 'qcow2', '-o', recipe.options, path, String(recipe.sizeBytes))
  if (recipe.compressed === true) {
    const raw = place.path(`${recipe.name}.raw`)
    await writeFile(raw, compressible(recipe.sizeBytes))
    await qemuImg('convert', '-c', '-n', '-f', 'raw', '-O', 'qcow2', raw, path)
    await qemuIo(path, 'qcow2', [`write -P 0x99 512 1024`])
  } else {
    await qemuIo(path, 'qcow2', recipe.commands)
  }
  for (const snapshot of recipe.snapshots ?? []) {
    await qemuImg('snapshot', '-c', snapshot.name, path)
    await qemuIo(path, 'qcow2', snapshot.later)
  }
  for (const bitmap of recipe.bitmaps ?? []) {
    await qemuImg('bitmap', '--add', '-f', 'qcow2', path, bitmap)
    await qemuIo(path, 'qcow2', ['write -P 0x12 8192 4096'])
  }
  return name
}

/** Bytes of which runs compress well, runs badly, and runs are zero. */
export function compressible(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes)
  let state = 12345
  for (let i = 0; i < sizeBytes; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    const run = (i >> 13) % 5
    bytes[i] = run === 0 ? 0 : run < 4 ? (i >> 4) ^ (state >>> 30) : state >>> 24
  }
  return bytes
}

/** The content of an image as raw bytes, read by qemu-img. */
export async function rawContent(place: Workplace, name: string): Promise<string> {
  const raw = place.path(`${name}.content`)
  const { exitCode, stderr } = await run('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', place.path(name), raw])
  if (exitCode !== 0) throw new Error(`${name} cannot be converted: ${stderr}`)
  return raw
}
