// The program of a machine's worker in a page, as one string in hosts/browser/v86/thread.bundle.ts: a worker that starts from a string
// needs nothing of the page's bundler, server or import map. It is made of the sources, before tsc sees them.
import { build } from 'esbuild'
import { root } from './run.mjs'
import { writeIfChanged } from './write-if-changed.mjs'

/** The core is posted to the worker, compiled: its bytes travel in the page's own modules alone. */
const withoutCore = {
  name: 'without-core',
  setup({ onLoad }) {
    onLoad({ filter: /core\.wasm\.ts$/ }, () => ({ contents: "export const coreWasmBase64 = ''" }))
  },
}

const { outputFiles } = await build({
  entryPoints: [`${root}hosts/browser/v86/thread.ts`],
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  legalComments: 'none',
  // v86 asks for these where it runs on Node.
  external: ['node:*', 'crypto', 'fs', 'perf_hooks'],
  plugins: [withoutCore],
  write: false,
})
const [{ text, contents }] = outputFiles
const generated = `// Generated from hosts/browser/v86/thread.ts by scripts/bundle-thread.mjs; do not edit.
export const threadProgram: string = ${JSON.stringify(text.trim())}
`
writeIfChanged(`${root}hosts/browser/v86/thread.bundle.ts`, generated)
console.log(`thread.bundle.ts ${contents.length} bytes`)
