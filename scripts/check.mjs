// `npm run check`: everything that can be judged without running the product.
import { elapsed, run, tool } from './run.mjs'
import { setUp } from './set-up.mjs'

// What is not a module has no types.
const notModules = ['core.wasm', 'boxlite-core-wasi.wasm']
const attwOptions = ['--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-emoji', '--exclude-entrypoints', ...notModules]

const steps = [
  { name: 'oxlint', command: tool('oxlint'), args: ['--deny-warnings'] },
  { name: 'layers and style', command: tool('vitest'), args: ['run', '--project', 'node', 'test/layers.test.ts', 'test/style.test.ts'] },
  { name: 'publint', command: tool('publint'), args: ['run', '--strict'] },
  { name: 'attw', command: tool('attw'), args: ['--pack', '.', ...attwOptions] },
]

/** Runs all steps, also after one failed; resolves with the names of those that failed. The build (tsc -b) is part of the set-up. */
export async function check() {
  await setUp()
  const failed = []
  for (const { name, command, args } of steps) {
    const start = performance.now()
    // The package was just built: packing it must not build it again.
    const code = await run(command, args, { env: { npm_config_ignore_scripts: 'true' } })
    console.log(`check: ${name} ${code === 0 ? 'passed' : 'FAILED'} in ${elapsed(start)}`)
    if (code !== 0) failed.push(name)
  }
  return failed
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const failed = await check()
  console.log(failed.length === 0 ? 'check: all passed' : `check: failed: ${failed.join(', ')}`)
  process.exitCode = failed.length === 0 ? 0 : 1
}
