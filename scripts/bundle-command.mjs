// The command as one file beside the modules that it is made of: to load those took longer than to convert a small disk. The
// library stays outside it, since what machines need is found from where the library stands.
import { basename, dirname } from 'node:path'
import { root } from './run.mjs'

/** The file of the command. */
export const commandFile = `${root}dist/hosts/node/cli/boxlite.js`

/** Makes the command of the modules that tsc wrote. */
export async function bundleCommand() {
  // Only here: scripts are loaded before anything is installed.
  const { build } = await import('vite')
  await build({
    configFile: false,
    logLevel: 'warn',
    build: {
      ssr: `${root}dist/hosts/node/cli/main.js`,
      target: 'node20',
      minify: false,
      outDir: dirname(commandFile),
      emptyOutDir: false,
      rolldownOptions: {
        external: ['index', 'node', 'home', 'host'].map((name) => `${root}dist/hosts/node/${name}.js`),
        output: { entryFileNames: basename(commandFile), codeSplitting: false },
      },
    },
  })
}

if (process.argv[1] === new URL(import.meta.url).pathname) await bundleCommand()
