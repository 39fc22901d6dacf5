// `npm test` and `npm run test:long`: set up, then every test of both projects.
// Arguments are handed to vitest: `npm test -- test/core`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isGuestBuilt, isImageBuilt } from './guest.mjs'
import { elapsed, run, tool } from './run.mjs'
import { chromiumPath, onPath, setUp } from './set-up.mjs'

/** What may stand in a skip's reason, the first that does counts, and whether it is here. A test may skip only for what is not. */
const excuses = [
  { word: /qemu-system|engine/i, here: () => onPath('qemu-system-x86_64') },
  { word: /qemu/i, here: () => onPath('qemu-img') && onPath('qemu-io') },
  { word: /bubblewrap/i, here: () => onPath('bwrap') },
  { word: /no guest image 'python'/i, here: () => isImageBuilt('python') },
  { word: /no guest/i, here: isGuestBuilt },
  { word: /chromium|browser/i, here: () => chromiumPath() !== null },
]

/** Runs the tests and prints the totals; resolves with them. */
export async function test(vitestArguments, { long = false } = {}) {
  await setUp({ systemPackages: ['qemu-system-x86', 'bubblewrap', 'qemu-utils', 'chromium'], guest: true, images: ['python'] })
  const start = performance.now()
  const folder = mkdtempSync(`${tmpdir()}/boxlite-test-`)
  const file = `${folder}/report.json`
  const chromium = chromiumPath()
  const env = { BOXLITE_TEST_REPORT: file, BOXLITE_CHROMIUM: chromium ?? '', ...(long && { BOXLITE_TEST_LONG: '1' }) }
  // Without a Chromium its project cannot even be listed: it is left out, and that is not a success.
  const projects = chromium === null ? ['--project', '!chromium'] : []
  const reporters = ['--reporter=default', '--reporter=./scripts/test-report.mjs']
  const code = await run(tool('vitest'), ['run', ...reporters, ...projects, ...vitestArguments], { env })
  const totals = readReport(file)
  rmSync(folder, { recursive: true })
  if (chromium === null) blame(totals, 'the project "chromium" did not run: no Chromium on this machine')
  for (const { name, reason } of totals.skips) {
    console.log(`skipped: ${name}: ${reason ?? 'no reason given'}`)
    if (reason === null) blame(totals, `skipped without a reason: ${name}`)
    else if (excuses.find(({ word }) => word.test(reason))?.here()) blame(totals, `skipped although what it needs is here: ${name}`)
  }
  if (code !== 0 && totals.failed === 0) blame(totals, `vitest ended with exit code ${code}`)
  for (const failure of totals.failures) console.log(`failed: ${failure}`)
  console.log(`${long ? 'long' : 'reduced'} counts, ${elapsed(start)}`)
  return totals
}

/** The last line of a run. */
export const line = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    if (cause.code !== 'ENOENT') throw cause
    return { passed: 0, failed: 1, skipped: 0, failures: ['vitest ended without a report'], skips: [] }
  }
}

function blame(totals, failure) {
  totals.failed++
  totals.failures.push(failure)
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const argumentsGiven = process.argv.slice(2)
  const totals = await test(
    argumentsGiven.filter((argument) => argument !== '--long'),
    { long: argumentsGiven.includes('--long') },
  )
  console.log(line(totals))
  process.exitCode = totals.failed === 0 ? 0 : 1
}
