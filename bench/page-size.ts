// What a page loads: the library with its worker, and the emulator, as a server that compresses would send them.

import { build } from 'esbuild'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants } from 'node:zlib'
import { findGuest } from '../hosts/node/guest-assets.ts'
import { verdict, type Table } from './harness.ts'

const TARGET_KB = 450
const FIRST_VISIT_TARGET_KB = 8_000

const entry = fileURLToPath(new URL('../hosts/browser/browser.js', import.meta.url))

export async function benchPageSize(): Promise<Table> {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format: 'esm', write: false, logLevel: 'error' })
  const { directory, manifest } = await findGuest()
  if (manifest.emulator === undefined) throw new Error('the guest brings no emulator')
  const library = compressedBytes(outputFiles[0]!.contents)
  const emulator = compressedBytes(await readFile(join(directory, manifest.emulator.file)))
  const guest = [manifest.kernel, manifest.initrd, manifest.firmware, manifest.images.find(({ reference }) => reference === 'base')!]
  const plain = manifest.emulator.bytes + guest.reduce((sum, { bytes }) => sum + bytes, 0)
  const kb = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`
  return {
    title: 'What a page loads',
    text:
      'Minified by esbuild, compressed by brotli at its best. The library holds the core and the program of its workers; the guest is as it is ' +
      `served, uncompressed. Targets: ${TARGET_KB} kB of code, ${FIRST_VISIT_TARGET_KB / 1000} MB before the first prompt.`,
    head: ['part', 'size', 'target'],
    rows: [
      ['library and core', kb(library), ''],
      ['emulator', kb(emulator), ''],
      ['both', kb(library + emulator), verdict((library + emulator) / 1000, TARGET_KB)],
      ['first visit: both, kernel, agent, firmware, image `base`', kb(library + plain), verdict((library + plain) / 1000, FIRST_VISIT_TARGET_KB)],
    ],
  }
}

function compressedBytes(bytes: Uint8Array): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length }
  return brotliCompressSync(bytes, { params }).length
}
