// A vitest reporter: the true totals over all projects as JSON, and every skipped test with its reason.
// The summary that vitest prints counts neither a file that failed to load nor an error outside of a test.
import { writeFileSync } from 'node:fs'

export default class TestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const report = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] }
    for (const module of modules) {
      let failed = 0
      for (const test of module.children.allTests()) {
        const result = test.result()
        const name = `[${module.project.name}] ${module.relativeModuleId} > ${test.fullName}`
        if (result.state === 'passed') report.passed++
        else if (result.state === 'failed') {
          failed++
          report.failures.push(name)
        } else report.skips.push({ name, reason: result.note ?? null })
      }
      // The file itself may fail: it does not load, or a hook of its top level throws.
      if (!module.ok() && failed === 0) {
        failed = 1
        report.failures.push(`[${module.project.name}] ${module.relativeModuleId}`)
      }
      report.failed += failed
    }
    for (const error of unhandledErrors) {
      report.failed++
      report.failures.push(`outside of any test: ${error.message}`)
    }
    report.skipped = report.skips.length
    writeFileSync(process.env.BOXLITE_TEST_REPORT, JSON.stringify(report))
  }
}
