import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { playwright } from '@vitest/browser-playwright'
import { serveGuest } from './test/browser/serve-guest.ts'
import { chromiumArguments, chromiumPath } from './test/chromium.ts'
import LongestFirst from './test/longest-first.ts'

// What test/counts.ts looks at.
const envPrefix = 'BOXLITE_TEST_'

const common = {
  testTimeout: 300_000,
  hookTimeout: 120_000,
  // Vitest would leave one processor to itself, which of two is half.
  maxWorkers: availableParallelism(),
}

// It takes every processor, and is measured against the clock: it runs alone, after all others.
const crashChecker = 'test/crash/crash.test.ts'

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        envPrefix,
        test: {
          ...common,
          name: 'node',
          environment: 'node',
          globalSetup: 'test/scratch.ts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.browser.test.ts', crashChecker],
        },
      },
      {
        envPrefix,
        test: {
          ...common,
          name: 'crash',
          environment: 'node',
          globalSetup: 'test/scratch.ts',
          include: [crashChecker],
          sequence: { groupOrder: 1 },
        },
      },
      {
        envPrefix,
        // Named, because a dependency that is found only in the middle of a run reloads the page under the tests.
        optimizeDeps: { include: ['fast-check', 'fzstd', 'idb'] },
        plugins: [serveGuest()],
        test: {
          ...common,
          name: 'chromium',
          // Tests of the core and of src/ that need no Node; the same files run in both projects.
          include: ['test/core/**/*.test.ts', 'test/**/*.browser.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            // One page at a time: they share what the browser keeps.
            fileParallelism: false,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromiumPath, args: chromiumArguments } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
