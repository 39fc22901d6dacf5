// The kernel of the guest: Debian's source package and our fragment, built once per fragment and kept.
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { downloadOne, isAvailable, readPackageLists } from './guest-apt.mjs'
import { BuildError, base, cacheDirectory, emptyFolder, epochSeconds, execute, keyOf, publish, requireRoom, step } from './guest-steps.mjs'

const sourcePackage = 'linux-source-6.1'
const fragment = join(base, 'guest/kernel/i386.fragment')
const script = join(base, 'guest/kernel/build.sh')

/** Says what the unpacked source is; written when it is whole. */
const sourceNote = 'package.json'

/** Room for the archive, the tree and the objects, all of which go when the kernel is there. */
const neededBytes = 3e9

/** Lines that the build prints, for telling how far it is; a little more or less is no harm. */
const expectedLines = 1400

/** The folder in which the kernel of this fragment is kept: `bzImage` and `kernel.json`. */
export function kernelFolder() {
  return join(cacheDirectory(), `386-kernel-${keyOf([fragment, script])}`)
}

/** Whether the kernel is built. */
export const isKernelBuilt = () => existsSync(join(kernelFolder(), 'kernel.json'))

/** Where its build has what it needs between its stages. */
const workFolder = () => join(cacheDirectory(), 'work', basename(kernelFolder()))

/** Refuses, before anything is installed or built, where the kernel cannot be built: no room for it, or no source. */
export async function requireKernelSource() {
  if (isKernelBuilt()) return
  requireRoom(neededBytes)
  // Of an interrupted build the source is here.
  if (existsSync(join(workFolder(), sourceNote))) return
  await readPackageLists('amd64')
  if (await isAvailable(sourcePackage)) return
  throw new BuildError(
    `the package lists of this machine have no ${sourcePackage}: the kernel is built from the source of Debian 12 (bookworm). ` +
      "Install the guest that was built elsewhere: 'npm install boxlite-guest-386'",
  )
}

/** Builds the kernel unless it is there. Every stage that was finished before an interruption is kept. */
export async function buildKernel() {
  if (isKernelBuilt()) return
  const [folder, work] = [kernelFolder(), workFolder()]
  const source = await unpackedSource(work)
  const out = join(work, 'out')
  await step('building the kernel; nothing of this is repeated later', 230, (tell) => compile(source.tree, out, tell))
  await publish(folder, async (target) => {
    copyFileSync(join(out, 'arch/x86/boot/bzImage'), join(target, 'bzImage'))
    copyFileSync(join(out, '.config'), join(target, 'config'))
    writeFileSync(join(target, 'kernel.json'), `${JSON.stringify({ package: source.package }, null, 2)}\n`)
  })
  rmSync(work, { recursive: true })
}

async function unpackedSource(work) {
  const tree = join(work, 'source')
  const said = join(work, sourceNote)
  if (!existsSync(said)) {
    const got = await step(`downloading ${sourcePackage}, 140 MB`, 15, () => downloadOne(sourcePackage, join(work, 'download')))
    await step('unpacking the kernel source', 30, () => unpack(got.path, work, tree))
    rmSync(join(work, 'download'), { recursive: true })
    writeFileSync(said, JSON.stringify(got.package))
  }
  return { tree, package: JSON.parse(readFileSync(said, 'utf8')) }
}

async function unpack(deb, work, tree) {
  const archive = `${sourcePackage}.tar.xz`
  const parts = emptyFolder(join(work, 'unpacking'))
  await execute('dpkg-deb', ['--extract', deb, parts])
  await execute('tar', ['-x', '-f', join(parts, 'usr/src', archive), '-C', parts])
  // An interruption may have come between this and the note that it is done.
  rmSync(tree, { recursive: true, force: true })
  renameSync(join(parts, sourcePackage), tree)
  rmSync(parts, { recursive: true })
}

function compile(tree, out, tell) {
  let lines = 0
  const onLine = () => {
    lines++
    tell(() => `${Math.min(99, Math.round((lines / expectedLines) * 100))} %`)
  }
  const jobs = String(availableParallelism())
  return execute(script, [tree, fragment, out, jobs], { env: { SOURCE_DATE_EPOCH: String(epochSeconds) }, onLine })
}
