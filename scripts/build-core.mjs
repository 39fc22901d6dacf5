// Compiles core/ to dist/core.wasm and to src/core/core.wasm.ts, the same bytes as base64,
// so that the package needs neither a bundler nor a file read to find its core; and core/wasi/,
// the same core as a WASI command, to dist/boxlite-core-wasi.wasm.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import { writeIfChanged } from './write-if-changed.mjs'

const root = new URL('..', import.meta.url)
const path = (relative) => fileURLToPath(new URL(relative, root))
const sizeLimitBytes = 64 * 1024

process.chdir(fileURLToPath(root))
mkdirSync(path('dist'), { recursive: true })
mkdirSync(path('build'), { recursive: true })

/** Compiles one target of asconfig.json; the module may import from `allowed` only. */
async function compile(entry, target, file, allowed) {
  const { error } = await asc.main([entry, '--config', 'asconfig.json', '--target', target], { stdout: process.stdout, stderr: process.stderr })
  if (error) {
    console.error(`core: ${error.message}`)
    process.exit(1)
  }
  const wasm = readFileSync(path(file))
  const strange = WebAssembly.Module.imports(new WebAssembly.Module(wasm)).filter((i) => i.module !== allowed)
  if (strange.length > 0) {
    console.error(`core: ${file} must not import ${strange.map((i) => `${i.module}.${i.name}`).join(', ')}`)
    process.exit(1)
  }
  return wasm
}

const wasm = await compile('core/index.ts', 'release', 'dist/core.wasm', null)
await compile('core/wasi/main.ts', 'wasi', 'dist/boxlite-core-wasi.wasm', 'wasi_snapshot_preview1')
if (wasm.length > sizeLimitBytes) {
  console.error(`core: ${wasm.length} bytes is over the limit of ${sizeLimitBytes}`)
  process.exit(1)
}

const sha256 = createHash('sha256').update(wasm).digest('hex')
const generated = `// Generated from core/ by scripts/build-core.mjs; do not edit.
export const coreWasmSha256: string = '${sha256}'
export const coreWasmBase64: string =
  '${wasm.toString('base64')}'
`
writeIfChanged(path('src/core/core.wasm.ts'), generated)
console.log(`core.wasm ${wasm.length} bytes, sha256 ${sha256}`)
