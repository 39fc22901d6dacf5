// `npm run bench`: set up, then every measurement of bench/; with names, only those.
import { root, run } from './run.mjs'
import { setUp } from './set-up.mjs'

await setUp({ systemPackages: ['qemu-utils'] })
process.exitCode = await run(process.execPath, ['--expose-gc', `${root}dist/bench/main.js`, ...process.argv.slice(2)])
