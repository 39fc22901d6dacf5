// Debian packages for the guest, with an apt of its own: own state, own cache, own architectures. The system's sources and keys are
// read, nothing of the system is written: dpkg's architectures, the package lists and what is installed stay as they were.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDirectory, emptyFolder, execute, step } from './guest-steps.mjs'

const ready = new Map()

/**
 * Makes the private apt for one architecture and reads its lists, once per run; resolves with the environment that its tools need.
 * What is the same for all architectures, like sources, is taken from the lists of amd64: mirrors keep them freshest.
 */
export function readPackageLists(architecture) {
  const what = `reading the package lists of Debian for ${architecture}`
  if (!ready.has(architecture)) ready.set(architecture, step(what, 4, () => prepare(architecture)))
  return ready.get(architecture)
}

async function prepare(architecture) {
  const folder = join(cacheDirectory(), 'work', `apt-${architecture}`)
  for (const part of ['state/lists/partial', 'cache', 'log']) mkdirSync(join(folder, part), { recursive: true })
  // Nothing counts as installed: a closure is the same on every machine.
  writeFileSync(join(folder, 'status'), '')
  const conf = join(folder, 'apt.conf')
  const own = [
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Install-Recommends "false";',
    `APT::Sandbox::User "${process.getuid() === 0 ? 'root' : ''}";`,
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/status";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Log "${folder}/log";`,
    // The system's hooks act on the system: only where the sources and keys are and how to reach the mirrors is taken over.
    'Dir::Etc::parts "/dev/null";',
    'Dir::Etc::main "/dev/null";',
  ]
  const system = await execute('apt-config', ['dump'])
  const reach = system.split('\n').filter((line) => /^(?:Acquire::(?:https?|ftp|Force|Check-Valid-Until)\b|Dir::Etc\b)/.test(line))
  writeFileSync(conf, `${[...reach, ...own].join('\n')}\n`)
  const env = { APT_CONFIG: conf, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    await execute('apt-get', ['update', '-q'], { env })
  } catch (error) {
    // A source that has nothing for this architecture, or a mirror in the middle of its update: what the others have may do.
    console.log(`guest:   not every package list could be read; going on with those that could:\n${complaints(error.message)}`)
  }
  return { env }
}

/** Whether Debian, as this machine knows it, has the package, which is for all architectures. */
export async function isAvailable(name) {
  const { env } = await readPackageLists('amd64')
  return /^\s*Candidate: (?!\(none\))/m.test(await execute('apt-cache', ['policy', name], { env }))
}

/** Downloads packages for i386 and all they depend on into the new folder `target`; resolves with what came: name, version, architecture. */
export async function downloadClosure(names, target) {
  const { env } = await readPackageLists('i386')
  emptyFolder(join(target, 'partial'))
  await execute('apt-get', ['install', '-y', '-q', '--download-only', '-o', `Dir::Cache::archives=${target}/`, ...names], { env })
  const files = readdirSync(target).filter((name) => name.endsWith('.deb'))
  const packages = await Promise.all(files.map((file) => describe(join(target, file))))
  return packages.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Downloads one package for all architectures, without what it depends on; resolves with the path of its .deb and what it is. */
export async function downloadOne(name, target) {
  const { env } = await readPackageLists('amd64')
  emptyFolder(target)
  await execute('apt-get', ['download', name], { env, cwd: target })
  const path = join(target, readdirSync(target).find((file) => file.endsWith('.deb')))
  return { path, package: await describe(path) }
}

async function describe(path) {
  const fields = await execute('dpkg-deb', ['--show', '--showformat', '${Package} ${Version} ${Architecture}', path])
  const [name, version, architecture] = fields.trim().split(' ')
  return { name, version, architecture }
}

const complaints = (text) => text.split('\n').flatMap((line) => (/^[EW]: /.test(line) ? [`guest:     ${line}`] : [])).join('\n')
