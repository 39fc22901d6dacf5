// `npm run bench [-- name...]`: runs the benchmarks, prints their tables, and with all of them writes docs/benchmarks.md.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { benchBytes } from './bytes.ts'
import { benchChain } from './chain.ts'
import { benchCheck } from './check.ts'
import { benchConvert } from './convert.ts'
import { benchDevice } from './device.ts'
import { benchHostile } from './hostile.ts'
import { benchMachines } from './machines.ts'
import { benchChurn, benchMany } from './many.ts'
import { benchPageBlocked } from './page-blocked.ts'
import { benchPageSize } from './page-size.ts'
import { benchPages } from './pages.ts'
import { benchSnapshots } from './snapshots.ts'
import { benchStream } from './stream.ts'
import { benchV86Disk, benchV86Start } from './v86.ts'
import { elapsed, markdown, type Table } from './harness.ts'

const benchmarks: Readonly<Record<string, () => Promise<Table | readonly Table[]>>> = {
  snapshots: benchSnapshots,
  convert: benchConvert,
  check: benchCheck,
  device: benchDevice,
  many: benchMany,
  chain: benchChain,
  churn: benchChurn,
  stream: benchStream,
  hostile: benchHostile,
  'v86-start': benchV86Start,
  'v86-disk': benchV86Disk,
  machines: benchMachines,
  'page-size': benchPageSize,
  'page-blocked': benchPageBlocked,
  bytes: benchBytes,
  pages: benchPages,
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benchmarks))
if (unknown.length > 0) {
  console.error(`bench: no benchmark is called ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`)
  process.exit(64)
}

// A busy machine stretches every number and blurs the ratios: whoever reads them has to know.
const load = loadavg()[0]!.toFixed(1)
const pages: string[] = []
for (const [name, run] of Object.entries(benchmarks)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const start = performance.now()
  console.log(`bench: ${name} ...`)
  const tables = [await run()].flat()
  for (const table of tables) pages.push(markdown(table))
  console.log(`${tables.map(markdown).join('\n')}\nbench: ${name} took ${elapsed(start)}\n`)
}

const page = [
  '# Benchmarks',
  '',
  'Written by `npm run bench`. Both sides of a comparison run in turns in one process on one file system; the numbers are medians.',
  '',
  `Machine: ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()}.`,
  `Node ${process.versions.node}, ${execFileSync('qemu-img', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? 'qemu-img'}.`,
  `Date: ${new Date().toISOString().slice(0, 10)}. Load average when it began: ${load}.`,
  '',
  ...pages,
].join('\n')
if (asked.length === 0) {
  writeFileSync(new URL('../../docs/benchmarks.md', import.meta.url), page)
  console.log('bench: written to docs/benchmarks.md')
}
// A native addon among the measured may keep the process.
process.exit(0)
