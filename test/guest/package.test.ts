// The two packages as npm would publish them, installed where nothing else is.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { isGuestBuilt } from '../../scripts/guest.mjs'
// @ts-expect-error: a script, which has no types.
import { pack } from '../../scripts/pack.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = isGuestBuilt() as boolean

let folder = ''
let packed: Record<string, string>
beforeAll(async () => {
  if (!built) return
  folder = mkdtempSync(join(tmpdir(), 'boxlite-packages-'))
  packed = (await pack(folder)) as Record<string, string>
  mkdirSync(join(folder, 'project'))
  writeFileSync(join(folder, 'project/package.json'), '{ "name": "empty", "private": true, "type": "module" }')
  // What boxlite depends on comes from here, because a test does not use the network; it is installed as npm would.
  const { dependencies: wanted } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
  const dependencies = Object.keys(wanted).map((name) => join(root, 'node_modules', name))
  const quiet = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', '--install-links', ...quiet, ...Object.values(packed), ...dependencies], { cwd: join(folder, 'project') })
})
afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true })
})

/** The files in a tarball, by their paths in the package. */
const filesIn = (tarball: string): string[] =>
  execFileSync('tar', ['-t', '-z', '-f', tarball], { encoding: 'utf8' })
    .split('\n')
    .flatMap((path) => (path === '' ? [] : [path.replace('package/', '')]))

describe('the packages', () => {
  it('weigh at most 2 MB and 8 MB', (context) => {
    if (!built) context.skip('no guest is built on this machine')
    expect(statSync(packed['boxlite']!).size).toBeLessThanOrEqual(2_000_000)
    expect(statSync(packed['boxlite-guest-386']!).size).toBeLessThanOrEqual(8_000_000)
  })

  it('carry the guest with its licences and the offer of its sources, and no install script', (context) => {
    if (!built) context.skip('no guest is built on this machine')
    const files = filesIn(packed['boxlite-guest-386']!)
    const licences = ['Apache-2.0', 'GPL-2', 'GPL-3', 'LGPL-2.1', 'LGPL-3', 'v86'].map((name) => `licences/${name}.txt`)
    expect(files).toEqual(expect.arrayContaining(['guest.json', 'bzImage', 'initrd.cpio', 'seabios.bin', 'v86.wasm', 'base.qcow2', 'empty.qcow2']))
    expect(files).toEqual(expect.arrayContaining(['README.md', 'LICENCES.md', ...licences]))
    expect(files).toEqual(expect.arrayContaining(['build/scripts/guest-image.mjs', 'build/guest/images/python/finish.sh']))
    const manifest = execFileSync('tar', ['-x', '-z', '-O', '-f', packed['boxlite-guest-386']!, 'package/package.json'], { encoding: 'utf8' })
    expect(JSON.parse(manifest)).not.toHaveProperty('scripts')
    expect(filesIn(packed['boxlite']!).filter((path) => /\.node$|guest\.json$|bzImage/.test(path))).toEqual([])
  })

  it('are found by each other in an empty project, without anything else of this machine', (context) => {
    if (!built) context.skip('no guest is built on this machine')
    const project = join(folder, 'project')
    const module = join(project, 'node_modules/boxlite/dist/hosts/node/guest-assets.js')
    const look = `const { findGuest, verifyGuest } = await import(process.argv[1])
      const guest = await findGuest()
      await verifyGuest(guest)
      console.log(guest.directory)`
    const env = { PATH: process.env['PATH'], BOXLITE_GUEST_CACHE: join(folder, 'nothing') }
    const found = execFileSync(process.execPath, ['--input-type=module', '--eval', look, module], { cwd: project, env, encoding: 'utf8' })
    expect(found.trim()).toBe(join(project, 'node_modules/boxlite-guest-386'))
  })

  it('run a box with the emulator that they bring, where there is no QEMU and no other program at all', (context) => {
    if (!built) context.skip('no guest is built on this machine')
    const project = join(folder, 'project')
    writeFileSync(
      join(project, 'ten-lines.mjs'),
      `import { BoxLite } from 'boxlite'

       const lite = await BoxLite.open()
       const box = await lite.create({ image: 'base' })
       try {
         const { stdout, exitCode } = await box.exec('uname', ['-sm'])
         await box.snapshot.create('clean')
         await box.exec('rm', ['-rf', '/etc'])
         await box.snapshot.restore('clean', { restart: true })
         const after = await box.exec('cat', ['/etc/hostname'])
         console.log(JSON.stringify({ stdout, exitCode, after: after.stdout, engine: lite.engine.name }))
       } finally {
         await box.remove({ force: true })
       }
       await lite.close()`,
    )
    const env = { PATH: '/nothing', HOME: join(folder, 'user'), BOXLITE_GUEST_CACHE: join(folder, 'nothing') }
    mkdirSync(env.HOME)
    const said = execFileSync(process.execPath, ['ten-lines.mjs'], { cwd: project, env, encoding: 'utf8' })
    expect(JSON.parse(said)).toEqual({ stdout: 'Linux i686\n', exitCode: 0, after: 'box\n', engine: 'v86' })
  })
})
