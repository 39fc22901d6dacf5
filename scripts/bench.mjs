// `npm run bench`: set up, then every measurement of bench/; with names, only those.
import { root, run } from './run.mjs'
import { onPath, setUp } from './set-up.mjs'

await setUp({ systemPackages: ['qemu-utils', 'qemu-system-x86', 'chromium'] })
if (!onPath('qemu-img') || !onPath('qemu-io')) {
  console.error('bench: everything here is measured beside qemu-img, which is missing')
  process.exit(1)
}
process.exitCode = await run(process.execPath, ['--expose-gc', `${root}dist/bench/main.js`, ...process.argv.slice(2)])
