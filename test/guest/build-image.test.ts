// The builder of images, over a repository of this machine: what comes out, and what it leaves alone.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseBuiltImage, type BuiltImage } from '../../src/guest-manifest.ts'
import { makeRepository, toolPath, whyNoBuild, type TestPackage } from './package-repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'scripts/guest-image.mjs')

const busybox = (version: string): TestPackage[] => [
  { name: 'busybox-static', version, depends: 'needed', files: { 'bin/busybox': `busybox ${version}` } },
  { name: 'needed', version: '1', files: { 'usr/share/doc/needed/copyright': 'free', 'usr/share/man/needed.1': 'a manual' } },
  { name: 'not-needed', version: '1', files: { 'usr/bin/not-needed': '' } },
]

let folder = ''
beforeEach((context) => {
  const why = whyNoBuild()
  if (why !== null) context.skip(why)
  folder = mkdtempSync(join(tmpdir(), 'boxlite-build-image-'))
})
afterEach(() => {
  if (folder !== '') rmSync(folder, { recursive: true })
})

interface Run {
  readonly code: number | null
  readonly output: string
}

/** Runs the builder on `cache`; `onOutput` sees all it said so far, and how to interrupt it as a terminal does. */
function build(reference: string, cache: string, config: string, onOutput: (said: string, interrupt: () => void) => void = () => {}): Promise<Run> {
  const env = { ...process.env, PATH: toolPath, APT_CONFIG: config, BOXLITE_GUEST_CACHE: join(folder, cache) }
  return run([script, reference], env, onOutput)
}

function run(args: string[], env: NodeJS.ProcessEnv, onOutput: (said: string, interrupt: () => void) => void, uid?: number): Promise<Run> {
  const as = uid === undefined ? {} : { uid, cwd: '/' }
  const child = spawn(process.execPath, args, { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...as })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      onOutput(output, () => process.kill(-child.pid!, 'SIGINT'))
    })
  }
  return new Promise((fulfil, reject) => child.once('error', reject).once('close', (code) => fulfil({ code, output })))
}

/** The image that is in a cache, or null. */
function builtIn(cache: string): (BuiltImage & { path: string }) | null {
  const name = existsSync(join(folder, cache)) ? readdirSync(join(folder, cache)).find((entry) => entry.startsWith('386-image-base-')) : undefined
  if (name === undefined) return null
  const image = parseBuiltImage(readFileSync(join(folder, cache, name, 'image.json'), 'utf8'))
  return { ...image, path: join(folder, cache, name, image.file) }
}

/** What debugfs says about the disk of an image. */
function inside(image: { path: string }, request: string): string {
  const raw = join(folder, 'look.raw')
  rmSync(raw, { force: true })
  execFileSync(process.execPath, [join(root, 'dist/hosts/node/cli/boxlite.js'), 'disk', 'convert', '-O', 'raw', image.path, raw])
  return execFileSync('debugfs', ['-R', request, raw], { env: { ...process.env, PATH: toolPath }, encoding: 'utf8', stdio: 'pipe' })
}

describe('an image that is built from packages', () => {
  it('is the same disk and the same file whenever and under whatever umask it is built, and another with other packages', async () => {
    const config = makeRepository(folder, busybox('1.0'))
    const umask = process.umask(0o077)
    expect((await build('base', 'first', config)).code).toBe(0)
    process.umask(umask)
    expect((await build('base', 'second', config)).code).toBe(0)
    const [first, second] = [builtIn('first')!, builtIn('second')!]
    expect({ ...second, path: '' }).toEqual({ ...first, path: '' })
    expect(createHash('sha256').update(readFileSync(first.path)).digest('hex')).toBe(first.sha256)
    expect((await build('base', 'third', makeRepository(join(folder, 'newer'), busybox('1.1')))).code).toBe(0)
    const third = builtIn('third')!
    expect(third.digest).not.toBe(first.digest)
    expect(third.key).toBe(first.key)
    expect(first.packages).toEqual([
      { name: 'busybox-static', version: '1.0', architecture: 'i386' },
      { name: 'needed', version: '1', architecture: 'i386' },
    ])
  })

  it('has owners, modes, names of applets and its versions right, and no manuals', async () => {
    expect((await build('base', 'cache', makeRepository(folder, busybox('1.0')))).code).toBe(0)
    const image = builtIn('cache')!
    expect(inside(image, 'cat /etc/boxlite-release')).toContain('PACKAGE=busybox-static 1.0 i386')
    expect(inside(image, 'cat /usr/bin/busybox')).toBe('busybox 1.0')
    expect(inside(image, 'stat /usr/bin/vi')).toContain('Fast link dest: "busybox"')
    expect(inside(image, 'stat /bin')).toContain('Fast link dest: "usr/bin"')
    expect(inside(image, 'stat /etc/shadow')).toMatch(/Mode: {2}0640[^]*User: {5}0 {3}Group: {5}0/)
    expect(inside(image, 'stat /home/box')).toMatch(/Mode: {2}0755[^]*User: {2}1000 {3}Group: {2}1000/)
    expect(inside(image, 'stat /tmp')).toMatch(/Mode: {2}01777/)
    expect(inside(image, 'ls -p /usr/share/doc/needed')).toContain('copyright')
    expect(inside(image, 'ls -p /usr/share')).not.toContain('man')
    // What makes growing cheap.
    expect(inside(image, 'stats')).toMatch(/features:.* meta_bg [^]*Flex block group size: {4}256/)
  })

  it('leaves the system’s packages, architectures, sources and lists as they were', async () => {
    const before = systemState()
    expect(before.length).toBeGreaterThan(3)
    expect((await build('base', 'cache', makeRepository(folder, busybox('1.0')))).code).toBe(0)
    expect(systemState()).toEqual(before)
  })

  it('is built once when two build it at the same time', async () => {
    const config = makeRepository(folder, busybox('1.0'))
    const runs = await Promise.all([build('base', 'cache', config), build('base', 'cache', config)])
    expect(runs.map(({ code }) => code)).toEqual([0, 0])
    expect(runs.filter(({ output }) => output.includes('making the image'))).toHaveLength(1)
  })

  it('is whole or not there when the build is interrupted, and the next build makes it', async () => {
    const config = makeRepository(folder, busybox('1.0'))
    let interrupted = false
    const first = await build('base', 'cache', config, (said, interrupt) => {
      if (interrupted || !said.includes('making the image')) return
      interrupted = true
      interrupt()
    })
    expect(first.code).not.toBe(0)
    expect(builtIn('cache')).toBeNull()
    expect((await build('base', 'cache', config)).code).toBe(0)
    expect(builtIn('cache')?.reference).toBe('base')
  })

  it('is refused with the names that there are when it has no recipe', async () => {
    const { code, output } = await build('ruby', 'cache', makeRepository(folder, busybox('1.0')))
    expect(code).toBe(1)
    expect(output).toContain("there is no recipe for an image 'ruby'; there are: base, python")
  })

  it('is refused with the reason when a package cannot be had', async () => {
    const { code, output } = await build('base', 'cache', makeRepository(folder, busybox('1.0').slice(0, 1)))
    expect(code).toBe(1)
    expect(output).toMatch(/needed/)
    expect(builtIn('cache')).toBeNull()
  })
})

describe('a machine that lacks something', () => {
  /** A PATH on which only these tools are. */
  function pathWith(names: readonly string[], place = folder): string {
    const bin = join(place, 'bin')
    mkdirSync(bin)
    for (const name of names) symlinkSync(toolPath.split(':').map((place) => join(place, name)).find((file) => existsSync(file))!, join(bin, name))
    return bin
  }

  it('without apt is told so before anything is done', async () => {
    const env = { PATH: pathWith(['flock']), BOXLITE_GUEST_CACHE: join(folder, 'cache') }
    const { code, output } = await run([script, 'base'], env, () => {})
    expect(code).toBe(1)
    expect(output).toMatch(/this machine has no apt-get; install the one that was built elsewhere: 'npm install boxlite-guest-386'/)
    expect(existsSync(join(folder, 'cache'))).toBe(false)
  })

  it('where only root could install a tool gets the exact line to type', async (context) => {
    const uid = process.getuid!() === 0 ? 65534 : process.getuid!()
    if (!canRead(uid)) context.skip('this checkout can be read by root alone')
    // Not in TMPDIR, which may be root's alone, too.
    const place = mkdtempSync('/var/tmp/boxlite-build-image-')
    try {
      const cache = join(place, 'cache')
      mkdirSync(cache)
      execFileSync('chmod', ['0777', place, cache])
      const env = { PATH: pathWith(['apt-get', 'apt-cache', 'dpkg-deb', 'flock'], place), BOXLITE_GUEST_CACHE: cache }
      const { code, output } = await run([script, 'base'], env, () => {}, uid)
      expect(code).toBe(1)
      expect(output).toMatch(/Type: sudo sh -c 'apt-get update && apt-get -o DPkg::Lock::Timeout=\d+ install -y --no-install-recommends fakeroot'/)
    } finally {
      rmSync(place, { recursive: true })
    }
  })
})

/** Whether a user may run the builder as it lies here. */
function canRead(uid: number): boolean {
  return spawnSync(process.execPath, ['--check', script], { uid, cwd: '/' }).status === 0
}

/** What apt and dpkg know of this machine, as far as a build could change it: paths with sizes and times, and what dpkg says. */
function systemState(): string[] {
  const all = ['/etc/apt', '/var/lib/apt/lists', '/var/lib/dpkg/status', '/var/lib/dpkg/arch', '/var/cache/apt/archives']
  const places = all.filter((place) => existsSync(place))
  const paths = places.flatMap((place) => {
    const real = realpathSync(place)
    return statSync(real).isDirectory() ? readdirSync(real, { recursive: true, encoding: 'utf8' }).map((name) => join(real, name)) : [real]
  })
  const stats = paths.sort().map((name) => `${name} ${statSync(name).size} ${statSync(name).mtimeMs}`)
  return [...stats, execFileSync('dpkg', ['--print-foreign-architectures'], { encoding: 'utf8' })]
}
