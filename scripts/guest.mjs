// `npm run guest`: builds the guest that every box starts from: kernel, agent, firmware and the image `base`, and puts it into the cache
// outside the checkout under a key of all its recipes and sources. `npm run guest -- --image NAME` builds one more image.
// What stands is left alone; what was interrupted goes on where it was.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, realpathSync, utimesSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { downloadOne, readPackageLists } from './guest-apt.mjs'
import { cpio } from './guest-cpio.mjs'
import { buildImage, imageFolder, makeEmptyDisk, readRecipe, recipeNames } from './guest-image.mjs'
import { buildKernel, isKernelBuilt, kernelFolder, requireKernelSource } from './guest-kernel.mjs'
import { marks, pruneCache } from './guest-prune.mjs'
import { base, cacheDirectory, duration, emptyFolder, execute, fileEntry, keyOf, main, publish, runLocked, step } from './guest-steps.mjs'
import { requireTools, whyNotHere } from './guest-tools.mjs'
import { stripWasm } from './strip-wasm.mjs'

const agentSources = join(base, 'guest/agent')
/** The emulator of pages; on Node it comes with the package v86. */
const emulatorPackage = join(base, 'node_modules/v86')
const emulatorFile = join(emulatorPackage, 'build/v86.wasm')
const firmwarePackage = 'seabios'

/** Debian's smallest SeaBIOS: all that v86 needs, and what QEMU would bring itself. */
const firmwareFile = 'usr/share/seabios/bios-microvm.bin'

/** Quiet, because every byte on the console is an exit to the emulator; a panic ends the machine at once. */
const commandLine = 'console=ttyS0 quiet tsc=reliable mitigations=off panic=-1'

/** What travels with the guest so that the other images can be built beside it. */
const builder = ['scripts/guest-apt.mjs', 'scripts/guest-image.mjs', 'scripts/guest-steps.mjs', 'scripts/guest-tools.mjs', 'guest/images']

/** The folder of the guest that this checkout asks for; it holds `guest.json` once it is built. */
export function guestFolder() {
  const parts = [basename(kernelFolder()), readRecipe('base').key, commandLine, ...otherRecipes().map(({ key }) => key)]
  const scripts = ['scripts/guest.mjs', 'scripts/guest-cpio.mjs', 'scripts/strip-wasm.mjs', ...builder].map((path) => join(base, path))
  return join(cacheDirectory(), `386-${keyOf([agentSources, emulatorFile, ...scripts], parts.join('\n'))}`)
}

/** Whether this checkout's guest is built. */
export const isGuestBuilt = () => existsSync(join(guestFolder(), 'guest.json'))

/** Whether an image of this checkout's recipes is built. */
export const isImageBuilt = (reference) => existsSync(join(imageFolder(readRecipe(reference)), 'image.json'))

/** Builds an image if it is missing, in a process of its own; resolves with an exit code. */
export const ensureImage = (reference) => (isImageBuilt(reference) ? 0 : inOwnProcess(['--image', reference]))

/** Builds the guest if it is missing, in a process of its own; resolves with an exit code. Whoever looks for a guest then finds this one. */
export async function ensureGuest() {
  if (isGuestBuilt()) {
    touch()
    return 0
  }
  return inOwnProcess([])
}

/** The folders that this checkout is made of, by name. */
function wantedFolders() {
  const images = recipeNames().map((name) => imageFolder(readRecipe(name)))
  return [guestFolder(), kernelFolder(), ...images].map((path) => basename(path))
}

/** Says that they are in use: of several guests the newest is taken, and what was not used for long goes. */
function touch() {
  const now = new Date()
  for (const file of wantedFolders().flatMap((name) => marks.map((mark) => join(cacheDirectory(), name, mark)))) {
    if (existsSync(file)) utimesSync(file, now, now)
  }
}

async function inOwnProcess(args) {
  const why = whyNotHere()
  if (why === null) return runLocked(fileURLToPath(import.meta.url), args)
  console.log(`guest: ${why}`)
  return 1
}

async function buildGuest() {
  const start = performance.now()
  const folder = guestFolder()
  if (!isGuestBuilt()) {
    console.log(`guest: building it into ${folder}`)
    if (!isKernelBuilt()) console.log('guest: the first time takes about 5 minutes on two idle cores, nearly all of it for the kernel')
    await requireKernelSource()
    await requireTools('guest')
    await buildKernel()
    await buildImage('base')
    await publish(folder, fill)
    const old = pruneCache(wantedFolders())
    if (old.length > 0) console.log(`guest: removed from the cache, unused for a month: ${old.join(', ')}`)
  }
  console.log(`guest: ready in ${folder} (${duration((performance.now() - start) / 1000)})`)
}

async function fill(target) {
  const work = emptyFolder(join(cacheDirectory(), 'work', 'parts'))
  const recipe = readRecipe('base')
  copyFileSync(join(kernelFolder(), 'bzImage'), join(target, 'bzImage'))
  await readPackageLists('amd64')
  const firmware = await step('downloading SeaBIOS', 1, () => takeFirmware(work, join(target, 'seabios.bin')))
  const agentProtocol = await step('compiling the agent', 10, () => makeInitrd(work, join(target, 'initrd.cpio')))
  const emptyDisk = await step('making the empty file system', 2, () => makeEmptyDisk(join(target, 'empty.qcow2')))
  copyFileSync(join(imageFolder(recipe), 'base.qcow2'), join(target, 'base.qcow2'))
  writeFileSync(join(target, 'v86.wasm'), stripWasm(readFileSync(emulatorFile)))
  for (const path of builder) cpSync(join(base, path), join(target, 'build', path), { recursive: true })
  const readJson = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'))
  const { reference, file, bytes, sha256, virtualSizeBytes, digest, packages } = readJson(imageFolder(recipe), 'image.json')
  const kernel = readJson(kernelFolder(), 'kernel.json')
  const manifest = {
    format: 1,
    platform: 'linux/386',
    key: basename(guestFolder()).replace('386-', ''),
    agentProtocol,
    kernel: fileEntry(join(target, 'bzImage')),
    initrd: fileEntry(join(target, 'initrd.cpio')),
    firmware: fileEntry(join(target, 'seabios.bin')),
    emulator: { ...fileEntry(join(target, 'v86.wasm')), version: readJson(emulatorPackage, 'package.json').version.split('+')[0] },
    commandLine,
    images: [{ reference, file, bytes, sha256, virtualSizeBytes, digest }],
    emptyDisk,
    recipes: otherRecipes().map(({ reference: name, key }) => ({ reference: name, key })),
    packages: [kernel.package, await staticLibrary(), firmware, ...packages],
  }
  writeFileSync(join(target, 'guest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

const otherRecipes = () => recipeNames().flatMap((name) => (name === 'base' ? [] : [readRecipe(name)]))

async function takeFirmware(work, target) {
  const got = await downloadOne(firmwarePackage, join(work, 'firmware'))
  await execute('dpkg-deb', ['--extract', got.path, join(work, 'firmware')])
  copyFileSync(join(work, 'firmware', firmwareFile), target)
  return got.package
}

/** The initramfs: the agent as /init, and the places that it mounts things on. Resolves with the version of the agent's protocol. */
async function makeInitrd(work, target) {
  const out = emptyFolder(join(work, 'agent'))
  await execute('make', ['-C', agentSources, `-j${availableParallelism()}`, `OUT=${out}`])
  const folders = ['dev', 'proc', 'sys', 'root'].map((name) => ({ name, mode: 0o755 }))
  // The kernel opens it for /init before anything is mounted.
  const console = { name: 'dev/console', mode: 0o600, device: [5, 1] }
  const init = { name: 'init', mode: 0o755, bytes: readFileSync(join(out, 'boxlite-agent')) }
  writeFileSync(target, cpio([...folders, console, init]))
  return Number(/PROTOCOL_VERSION = (\d+)/.exec(readFileSync(join(agentSources, 'protocol.h'), 'utf8'))[1])
}

/** The C library that is linked into the agent, as Debian calls it: its licence asks to name it. */
async function staticLibrary() {
  const path = realpathSync((await execute('gcc', ['-m32', '-print-file-name=libc.a'])).trim())
  const owner = (await execute('dpkg-query', ['--search', path])).split(':')[0]
  const fields = await execute('dpkg-query', ['--show', '--showformat', '${Version} ${Architecture}', owner])
  const [version, architecture] = fields.split(' ')
  return { name: owner, version, architecture }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(import.meta.url, whyNotHere, async (args) => {
    mkdirSync(cacheDirectory(), { recursive: true })
    if (args[0] !== '--image') return buildGuest()
    await requireTools('image')
    await buildImage(args[1] ?? '')
    console.log(`guest: ready in ${imageFolder(readRecipe(args[1]))}`)
  })
}
