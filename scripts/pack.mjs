// `npm run pack -- [FOLDER]`: the two packages as npm would publish them: boxlite, and boxlite-guest-386 with the guest of this checkout.
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guestFolder, isGuestBuilt } from './guest.mjs'
import { execute } from './guest-steps.mjs'
import { root } from './run.mjs'
import { setUp } from './set-up.mjs'

/** The most that each may weigh, packed, in bytes. */
const limits = { boxlite: 2_000_000, 'boxlite-guest-386': 8_000_000 }

// The package was just built: packing it must not build it again.
const quiet = ['--json', '--ignore-scripts', '--offline', '--loglevel=error']

/** Packs both into `folder`; resolves with `{ name: path }`. What it packs has to be built already. */
export async function pack(folder) {
  mkdirSync(folder, { recursive: true })
  const staging = join(folder, 'boxlite-guest-386')
  stageGuest(staging)
  const packed = {}
  for (const source of [root, staging]) {
    const output = await execute('npm', ['pack', source, '--pack-destination', folder, ...quiet], { cwd: folder })
    const [{ name, filename }] = JSON.parse(output)
    const path = join(folder, filename)
    const { size } = statSync(path)
    if (size > limits[name]) throw new Error(`${path} has ${size} bytes, and ${name} may have ${limits[name]}`)
    packed[name] = path
    console.log(`pack: ${path}: ${size} bytes (at most ${limits[name]})`)
  }
  rmSync(staging, { recursive: true })
  return packed
}

/** The folder that becomes the guest's package: the built guest, and the papers. */
function stageGuest(folder) {
  rmSync(folder, { recursive: true, force: true })
  cpSync(guestFolder(), folder, { recursive: true })
  cpSync(join(root, 'guest/package'), folder, { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(folder, 'licences/Apache-2.0.txt'))
  copyFileSync(join(root, 'node_modules/v86/LICENSE'), join(folder, 'licences/v86.txt'))
  const template = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ ...template, version }, null, 2)}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await setUp({ guest: true })
  if (isGuestBuilt()) await pack(resolve(process.argv[2] ?? join(root, 'build/packages')))
  else process.exitCode = 1
}
