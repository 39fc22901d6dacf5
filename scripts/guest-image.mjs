// `node scripts/guest-image.mjs NAME`: builds one image of the guest from its recipe, guest/images/NAME, into the cache.
// Travels in the guest package as well, as build/scripts/guest-image.mjs.
import { createHash } from 'node:crypto'
import { chmodSync, createReadStream, existsSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { downloadClosure, readPackageLists } from './guest-apt.mjs'
import { BuildError, base, cacheDirectory, emptyFolder, epochSeconds, execute, fileEntry, keyOf } from './guest-steps.mjs'
import { main, publish, requireRoom, step } from './guest-steps.mjs'
import { requireTools, whyNotHere } from './guest-tools.mjs'

const images = join(base, 'guest/images')
const mebibyte = 1024 * 1024

/** The recipe of an image: its packages, its size, and the key that all of it gives. */
export function readRecipe(reference) {
  const folder = join(images, reference)
  const path = join(folder, 'image.json')
  if (!/^[a-z0-9-]+$/.test(reference) || !existsSync(path)) {
    throw new BuildError(`there is no recipe for an image '${reference}'; there are: ${recipeNames().join(', ')}`)
  }
  const shared = ['skeleton', 'assemble.sh', 'make-ext4.sh', 'mke2fs.conf'].map((name) => join(images, name))
  return { reference, folder, ...JSON.parse(readFileSync(path, 'utf8')), key: keyOf([...shared, folder]) }
}

/** The names of all recipes. */
export function recipeNames() {
  return readdirSync(images).filter((name) => existsSync(join(images, name, 'image.json')))
}

/** The folder in which the image of a recipe is kept: `NAME.qcow2` and `image.json`. */
export function imageFolder({ reference, key }) {
  return join(cacheDirectory(), `386-image-${reference}-${key}`)
}

/** Builds an image unless it is there. */
export async function buildImage(reference) {
  const recipe = readRecipe(reference)
  const folder = imageFolder(recipe)
  if (existsSync(join(folder, 'image.json'))) return
  requireRoom(recipe.sizeMib * mebibyte * 4)
  const work = emptyFolder(join(cacheDirectory(), 'work', `image-${reference}`))
  await readPackageLists('i386')
  const debs = join(work, 'packages')
  const packages = await step(`downloading the packages of the image '${reference}'`, 5, () => downloadClosure(recipe.packages, debs))
  await publish(folder, async (target) => {
    const disk = await step(`making the image '${reference}'`, recipe.expectedSeconds, () => makeDisk(recipe, packages, work, target))
    const { format, platform, key } = { format: 1, platform: 'linux/386', key: recipe.key }
    writeFileSync(join(target, 'image.json'), `${JSON.stringify({ format, platform, key, reference, ...disk, packages }, null, 2)}\n`)
  })
  rmSync(work, { recursive: true })
}

async function makeDisk(recipe, packages, work, target) {
  const release = join(work, 'boxlite-release')
  const raw = join(work, 'disk.raw')
  const tree = emptyFolder(join(work, 'tree'))
  const list = packages.map(({ name, version, architecture }) => `PACKAGE=${name} ${version} ${architecture}\n`)
  writeFileSync(release, `IMAGE=${recipe.reference}\nPLATFORM=linux/386\n${list.join('')}`)
  const assemble = [join(images, 'assemble.sh'), recipe.folder, join(work, 'packages'), release, tree, raw, String(recipe.sizeMib)]
  await execute('fakeroot', assemble, { env: { SOURCE_DATE_EPOCH: String(epochSeconds) } })
  return compress(raw, join(target, `${recipe.reference}.qcow2`))
}

/** Makes an empty file system as a qcow2; resolves with what guest.json says about it. */
export async function makeEmptyDisk(target) {
  const raw = `${target}.raw`
  await execute(join(images, 'make-ext4.sh'), [raw, '128'], { env: { SOURCE_DATE_EPOCH: String(epochSeconds) } })
  const disk = await compress(raw, target)
  rmSync(raw)
  return disk
}

/** Turns a raw disk into a compressed qcow2: with our own command where it is built, else with qemu-img. */
async function compress(raw, target) {
  const own = process.env['BOXLITE_CLI'] || join(base, 'dist/hosts/node/cli/boxlite.js')
  if (existsSync(own)) await execute(process.execPath, [own, 'disk', 'convert', '--format=raw', '--compress', raw, target])
  else await execute('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, target])
  // Kept for every user of the machine, and packed by npm.
  chmodSync(target, 0o644)
  const hash = createHash('sha256')
  let virtualSizeBytes = 0
  for await (const chunk of createReadStream(raw)) {
    hash.update(chunk)
    virtualSizeBytes += chunk.length
  }
  return { ...fileEntry(target), virtualSizeBytes, digest: hash.digest('hex') }
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(import.meta.url, whyNotHere, async ([reference = '']) => {
    readRecipe(reference)
    await requireTools('image')
    await buildImage(reference)
    console.log(`guest: the image '${reference}' is in ${imageFolder(readRecipe(reference))}`)
  })
}
