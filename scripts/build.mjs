// `npm run build`: the core, the probe ROM, the worker of pages, TypeScript, then the command. What an earlier build left of a source that is gone
// goes first: npm would pack it, and a test could load it.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { bundleCommand, commandFile } from './bundle-command.mjs'
import { root, run, tool } from './run.mjs'

/** Builds everything; resolves with an exit code. */
export async function build() {
  removeOrphans()
  const code =
    (await run(process.execPath, ['scripts/build-core.mjs'])) ||
    (await run(process.execPath, ['scripts/build-rom.mjs'])) ||
    (await run(process.execPath, ['scripts/bundle-thread.mjs'])) ||
    (await run(tool('tsc'), ['-b']))
  if (code === 0) await bundleCommand()
  return code
}

function removeOrphans() {
  const dist = `${root}dist`
  if (!existsSync(dist)) return
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const built = join(entry.parentPath, entry.name)
    const source = join(root, relative(dist, built)).replace(/(?:\.d\.ts|\.js)$/, '.ts')
    if (entry.isFile() && built !== commandFile && !built.endsWith('.wasm') && !existsSync(source)) rmSync(built)
  }
}

if (process.argv[1] === new URL(import.meta.url).pathname) process.exitCode = await build()
