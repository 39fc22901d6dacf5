// The tools that building a guest takes, and installing those that are missing. They are the only thing that is ever installed.
import { existsSync } from 'node:fs'
import { BuildError, execute, step } from './guest-steps.mjs'

/** How long apt may wait for another package manager, in seconds. */
const lockTimeoutSeconds = 600

const image = {
  fakeroot: 'fakeroot',
  e2fsprogs: 'mke2fs',
}

/** Debian's packages by what they are needed for, each with a command that shows it is there. */
const tools = {
  image,
  guest: {
    ...image,
    bc: 'bc',
    bison: 'bison',
    flex: 'flex',
    gcc: 'gcc',
    make: 'make',
    'xz-utils': 'xz',
  },
}

const folders = () => [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'].filter((folder) => folder !== '')
const onPath = (command) => folders().some((folder) => existsSync(`${folder}/${command}`))

/** Why no guest can be built on this machine at all, or null: asked before anything is done. */
export function whyNotHere() {
  const instead = "install the one that was built elsewhere: 'npm install boxlite-guest-386'"
  if (process.platform !== 'linux') return `a guest is built on Linux, and this is ${process.platform}; ${instead}`
  const missing = ['apt-get', 'apt-cache', 'dpkg-deb', 'flock'].find((command) => !onPath(command))
  return missing === undefined ? null : `a guest is built from Debian packages, and this machine has no ${missing}; ${instead}`
}

/** Makes sure that the tools for `purpose` ('image' or 'guest') are there: installs them as root, else says what to type. */
export async function requireTools(purpose) {
  // mke2fs is in a folder that is on root's PATH alone.
  process.env['PATH'] = folders().join(':')
  const missing = Object.entries(tools[purpose]).flatMap(([name, command]) => (onPath(command) ? [] : [name]))
  if (purpose === 'guest' && !(await compilesFor32Bit())) missing.push('gcc-multilib')
  if (missing.length === 0) return
  const wait = ['-o', `DPkg::Lock::Timeout=${lockTimeoutSeconds}`]
  const install = [...wait, 'install', '-y', '--no-install-recommends', ...missing]
  const line = `apt-get update && apt-get ${install.join(' ')}`
  if (process.getuid() !== 0) throw new BuildError(`these tools are missing, and only root can install them. Type: sudo sh -c '${line}'`)
  await step(`installing what is missing: ${missing.join(', ')}`, 20, async () => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    await execute('apt-get', [...wait, 'update', '-q'], { env })
    await execute('apt-get', ['-q', ...install], { env })
  })
}

/** Whether the compiler makes static programs for 32-bit x86: the agent is one. */
async function compilesFor32Bit() {
  if (!onPath('gcc')) return false
  const library = await execute('gcc', ['-m32', '-print-file-name=libc.a'])
  return library.trim() !== 'libc.a' && existsSync(library.trim())
}
