// Makes a fresh clone able to build, test, measure and show: the locked npm packages, the system
// tools that the tests compare with, the build, and the guest in its cache outside the checkout.
// Safe to run again: what stands is left alone, and nothing beyond these is ever changed on the machine.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { build } from './build.mjs'
import { ensureGuest, ensureImage } from './guest.mjs'
import { elapsed, root, run } from './run.mjs'

/** How long apt may wait for another package manager, in seconds. */
const aptLockTimeoutSeconds = 600

/** The system tools: Debian's package, what it is for, and how to see that it is there. */
const systemTools = {
  binutils: { what: 'as and ld, which make the ROM that accelerators are tried with', present: () => onPath('as') && onPath('ld') },
  'qemu-system-x86': { what: 'QEMU, the engine that boxes run on where it is there', present: () => onPath('qemu-system-x86_64') },
  bubblewrap: { what: 'bubblewrap, in which QEMU sees no files but its own', present: () => onPath('bwrap') },
  'qemu-utils': { what: 'qemu-img, the reference that disk images are compared with', present: () => onPath('qemu-img') && onPath('qemu-io') },
  chromium: { what: 'Chromium, in which the tests of the core run a second time', present: () => chromiumPath() !== null },
}

/** What every build takes. */
const buildPackages = ['binutils']

/** What machines take, beside a guest. */
const machinePackages = ['qemu-system-x86', 'bubblewrap']

/**
 * Prepares the repository. `systemPackages` names the Debian packages that are wanted and may be installed; with `guest` the guest is
 * built, too, and those of its `images`. Exits the process with 1 when the packages or the build fail; a system tool, a guest or an image
 * that stays missing is only reported.
 */
export async function setUp({ systemPackages = [], guest = false, images = [] } = {}) {
  requireNode()
  await installPackages()
  await installSystemTools([...new Set([...buildPackages, ...systemPackages])])
  await buildAll()
  if (guest && (await ensureGuest()) !== 0) console.error('set-up: going on without a guest: no box will start')
  for (const image of images) {
    if ((await ensureImage(image)) !== 0) console.error(`set-up: going on without the image '${image}'`)
  }
}

/** The Chromium to test in: `BOXLITE_CHROMIUM`, or the first of the usual places; null when there is none. */
export function chromiumPath() {
  const places = [process.env['BOXLITE_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  return places.find((place) => place !== undefined && existsSync(place)) ?? null
}

/** Whether a command is on the PATH. */
export function onPath(command) {
  return (process.env['PATH'] ?? '').split(':').some((folder) => folder !== '' && existsSync(`${folder}/${command}`))
}

/** What boxes run on: QEMU and the guest. A failure is only reported: without QEMU they run on v86, without a guest not at all. */
export async function setUpMachines() {
  await installSystemTools(machinePackages)
  if ((await ensureGuest()) !== 0) console.error('set-up: going on without a guest: no box will start')
}

function requireNode() {
  const wanted = JSON.parse(readFileSync(`${root}package.json`, 'utf8')).engines.node
  const [needMajor, needMinor] = wanted.replace('>=', '').split('.').map(Number)
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return
  console.error(`set-up: Node ${process.versions.node} is too old: boxlite needs ${wanted}.`)
  process.exit(1)
}

async function installPackages() {
  const missing = differsFromLock()
  if (missing === null) return
  // npm ci would empty it; a linked folder is shared with another checkout.
  if (lstatSync(`${root}node_modules`, { throwIfNoEntry: false })?.isSymbolicLink()) fail(`node_modules is a link and not up to date: ${missing}`)
  const start = performance.now()
  console.log(`set-up: installing the locked npm packages (${missing}); this takes about a minute`)
  const code = await run('npm', ['ci', '--no-audit', '--no-fund'])
  if (code !== 0) fail(`npm ci failed with exit code ${code}`)
  console.log(`set-up: packages installed in ${elapsed(start)}`)
}

/** Why node_modules is not what package-lock.json says, or null when it is. npm keeps its own lock inside node_modules. */
function differsFromLock() {
  const hidden = `${root}node_modules/.package-lock.json`
  if (!existsSync(hidden)) return 'none are installed'
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages
  for (const [place, { version, integrity, optional }] of Object.entries(wanted)) {
    if (place === '') continue
    const found = installed[place]
    // An optional package is one for another platform.
    if (found === undefined && optional) continue
    if (found?.version !== version || found.integrity !== integrity) return `${place.replace('node_modules/', '')} is not at ${version}`
  }
  return null
}

async function installSystemTools(packages) {
  const missing = packages.filter((name) => !systemTools[name].present())
  if (missing.length === 0) return
  for (const name of missing) console.log(`set-up: missing: ${systemTools[name].what} (Debian package ${name})`)
  const install = ['-o', `DPkg::Lock::Timeout=${aptLockTimeoutSeconds}`, 'install', '-y', '--no-install-recommends', ...missing]
  const line = `apt-get update && apt-get ${install.join(' ')}`
  if (!onPath('apt-get')) return console.log(`set-up: this machine has no apt-get; install them your system's way (on Debian: ${line})`)
  if (process.getuid() !== 0) return console.log(`set-up: not root, so not installing them. Type: sudo sh -c '${line}'`)
  const start = performance.now()
  console.log(`set-up: ${line}`)
  console.log(`set-up: waiting for apt (at most ${aptLockTimeoutSeconds / 60} minutes for another package manager to finish)`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // A fresh machine has no package lists; a stale one names files that are gone.
  const updated = await run('apt-get', ['-o', `DPkg::Lock::Timeout=${aptLockTimeoutSeconds}`, 'update', '-q'], { env })
  const code = updated === 0 ? await run('apt-get', ['-q', ...install], { env }) : updated
  if (code !== 0) console.error(`set-up: apt-get failed with exit code ${code}; going on without ${missing.join(' and ')}`)
  else console.log(`set-up: system tools installed in ${elapsed(start)}`)
}

async function buildAll() {
  const start = performance.now()
  if ((await build()) !== 0) fail('the build failed')
  console.log(`set-up: built in ${elapsed(start)}`)
}

function fail(message) {
  console.error(`set-up: ${message}`)
  process.exit(1)
}

/** The version line of a tool, for reports; null when it is not there. */
export function versionOf(command, args = ['--version']) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0].trim() : null
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv[2] === '--machines') await setUpMachines()
  else await setUp({ systemPackages: Object.keys(systemTools), guest: true, images: ['python'] })
}
