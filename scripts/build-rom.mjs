// Assembles guest/probe/probe.S to hosts/node/qemu/probe-rom.ts: the ROM that tells what an accelerator is worth, as base64,
// so that the package carries it in a module and needs no binutils where it runs.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { writeIfChanged } from './write-if-changed.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
// Where `as` and `ld` make no x86 code (macOS, arm64), a cross toolchain's prefix: 'x86_64-elf-'.
const prefix = process.env['BOXLITE_BINUTILS_PREFIX'] ?? ''

/**
 * Assembles one ROM page: the 4 KiB that end at 4 GiB, or the same ones where they are seen below 1 MiB. What a source includes is named
 * from the root.
 */
export function assembleRom(source, name, address = '0xfffff000') {
  const work = `${root}build/roms`
  mkdirSync(work, { recursive: true })
  const object = `${work}/${name}.${process.pid}.o`
  const image = `${work}/${name}.${process.pid}.bin`
  try {
    binutil('as', ['--32', '-I', root, '-o', object, `${root}${source}`])
    binutil('ld', ['-m', 'elf_i386', '-Ttext', address, '--oformat', 'binary', '-o', image, object])
    return readFileSync(image)
  } finally {
    rmSync(object, { force: true })
    rmSync(image, { force: true })
  }
}

function binutil(tool, args) {
  const { error, status, stderr } = spawnSync(prefix + tool, args, { encoding: 'utf8' })
  if (error === undefined && status === 0) return
  throw new Error(`${prefix}${tool} ${error === undefined ? `failed: ${stderr.trim()}` : `cannot be run: ${error.message}`}`)
}

const remedy = `rom: building boxlite takes GNU binutils that make 32-bit x86 code.
rom: on Debian: apt-get install binutils
rom: on Debian for another processor: apt-get install binutils-i686-linux-gnu, and BOXLITE_BINUTILS_PREFIX=i686-linux-gnu-
rom: on macOS: brew install x86_64-elf-binutils, and BOXLITE_BINUTILS_PREFIX=x86_64-elf-`

/** Writes the module; the exit code. */
function build() {
  let rom
  try {
    rom = assembleRom('guest/probe/probe.S', 'probe')
  } catch (error) {
    console.error(`rom: ${error.message}\n${remedy}`)
    return 1
  }
  const lines = rom.toString('base64').match(/.{1,128}/g).map((line) => `'${line}'`)
  writeIfChanged(
    `${root}hosts/node/qemu/probe-rom.ts`,
    `// Generated from guest/probe/probe.S by scripts/build-rom.mjs; do not edit.
/** The last ${rom.length} bytes of a BIOS image. */
export const probeRomBase64 =
  ${lines.join(' +\n  ')}
`,
  )
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = build()
