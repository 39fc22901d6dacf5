import { defineConfig } from 'vitest/config'
import { playwright } from '@vitest/browser-playwright'
import { serveGuest } from './test/browser/serve-guest.ts'
import { chromiumArguments, chromiumPath } from './test/chromium.ts'

// What test/counts.ts looks at.
const envPrefix = 'BOXLITE_TEST_'

export default defineConfig({
  cacheDir: '.cache/vite',
  test: {
    projects: [
      {
        envPrefix,
        test: {
          name: 'node',
          environment: 'node',
          globalSetup: 'test/scratch.ts',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.browser.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        envPrefix,
        // Named, because a dependency that is found only in the middle of a run reloads the page under the tests.
        optimizeDeps: { include: ['fast-check', 'fzstd', 'idb'] },
        plugins: [serveGuest()],
        test: {
          name: 'chromium',
          // Tests of the core and of src/ that need no Node; the same files run in both projects.
          include: ['test/core/**/*.test.ts', 'test/**/*.browser.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 120_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromiumPath, args: chromiumArguments } }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
})
