// What .ci/run runs: the checks, then the tests, on a clean clone where nothing was installed by hand.
import { check } from './check.mjs'
import { line, test } from './test.mjs'

const failedChecks = await check()
const totals = await test([])
for (const name of failedChecks) console.log(`failed: check: ${name}`)
totals.failed += failedChecks.length
console.log(line(totals))
process.exitCode = totals.failed === 0 ? 0 : 1
