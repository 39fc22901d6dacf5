// `npm run guest` as a whole, over a repository of this machine whose kernel is a few lines of make: where it goes on after Ctrl-C, that
// two runs make one guest, and what it says before anything is done.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findGuest, verifyGuest } from '../../hosts/node/guest-assets.ts'
// @ts-expect-error: a script, which has no types.
import { requireRoom } from '../../scripts/guest-steps.mjs'
import { makeRepository, toolPath, whyNoBuild, type TestPackage } from './package-repository.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const script = join(root, 'scripts/guest.mjs')
const builders = ['bc', 'bison', 'flex', 'gcc', 'make', 'xz', 'dpkg-query']
const pathOf = (tool: string): string | undefined => toolPath.split(':').map((folder) => join(folder, tool)).find((file) => existsSync(file))

/** Why no guest can be built here, or null. */
function whyNoGuestBuild(): string | null {
  const missing = builders.filter((tool) => pathOf(tool) === undefined)
  if (missing.length > 0) return `no ${missing.join(', ')} on this machine`
  const library = execFileSync('gcc', ['-m32', '-print-file-name=libc.a'], { encoding: 'utf8' }).trim()
  return existsSync(library) ? whyNoBuild() : 'no compiler for 32-bit programs on this machine'
}

let folder = ''
beforeEach((context) => {
  const why = whyNoGuestBuild()
  if (why !== null) context.skip(why)
  folder = mkdtempSync(join(tmpdir(), 'boxlite-build-guest-'))
})
afterEach(() => {
  vi.unstubAllEnvs()
  if (folder !== '') rmSync(folder, { recursive: true })
})

/** A kernel's source: with HOLD in the environment, its make never comes further than half. */
const kernelSource = {
  Makefile: [
    '.PRECIOUS: $(O)/half',
    'tinyconfig:\n\tmkdir -p $(O) && : > $(O)/.config',
    'olddefconfig:\n\t:',
    'bzImage: $(O)/half\n\tmkdir -p $(O)/arch/x86/boot && echo a kernel > $(O)/arch/x86/boot/bzImage',
    '$(O)/half:\n\techo once >> $(O)/halves && touch $@ && if [ -n "$$HOLD" ]; then exec sleep 1000; fi\n',
  ].join('\n'),
  'scripts/kconfig/merge_config.sh': '#!/bin/sh\ngrep -v "=n$" "$5" > "$4"\n',
}

/** What a guest is made of, but for the kernel. */
const others: readonly TestPackage[] = [
  { name: 'busybox-static', version: '1', files: { 'bin/busybox': 'busybox' } },
  { name: 'seabios', version: '1', architecture: 'all', files: { 'usr/share/seabios/bios-microvm.bin': 'a BIOS' } },
]

function kernelPackage(): TestPackage {
  const tree = join(folder, 'linux-source-6.1')
  for (const [name, text] of Object.entries(kernelSource)) {
    mkdirSync(join(tree, name, '..'), { recursive: true })
    writeFileSync(join(tree, name), text, { mode: 0o755 })
  }
  const archive = execFileSync('tar', ['-c', '-J', '-C', folder, 'linux-source-6.1'])
  return { name: 'linux-source-6.1', version: '6.1', architecture: 'all', files: { 'usr/src/linux-source-6.1.tar.xz': archive } }
}

interface Run {
  readonly code: number | null
  readonly output: string
}

interface Running {
  readonly ended: Promise<Run>
  /** As Ctrl-C does: to the whole group. */
  interrupt(): void
}

function start(env: Readonly<Record<string, string>>): Running {
  const options = { env: { ...process.env, PATH: toolPath, ...env }, detached: true } as const
  const child = spawn(process.execPath, [script], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = new Promise<Run>((fulfil, reject) => child.once('error', reject).once('close', (code) => fulfil({ code, output })))
  return { ended, interrupt: () => void process.kill(-child.pid!, 'SIGINT') }
}

describe('a guest', () => {
  it('goes on after Ctrl-C where it was, is built once when two build it, and is the same everywhere', async () => {
    const env = { APT_CONFIG: makeRepository(folder, [...others, kernelPackage()]), BOXLITE_GUEST_CACHE: join(folder, 'cache') }
    const halves = (): string[] =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.startsWith('cache') && name.endsWith('/halves'))
    const first = start({ ...env, HOLD: 'yes' })
    await expect.poll(halves, { interval: 20, timeout: 120_000 }).toHaveLength(1)
    first.interrupt()
    expect((await first.ended).code).not.toBe(0)
    expect(readdirSync(join(folder, 'cache')).filter((name) => name.startsWith('386-'))).toEqual([])
    expect(readFileSync(join(folder, halves()[0]!), 'utf8')).toBe('once\n')

    // Held again, it would never end: what was done is not done again.
    const both = await Promise.all([start({ ...env, HOLD: 'yes' }), start({ ...env, HOLD: 'yes' })].map(({ ended }) => ended))
    expect(both.map(({ code, output }) => (code === 0 ? 0 : output))).toEqual([0, 0])
    const said = both.map(({ output }) => output).join('')
    expect(said.match(/building the kernel/g)).toHaveLength(1)
    expect(said.match(/compiling the agent/g)).toHaveLength(1)
    expect(said).not.toMatch(/downloading linux-source|unpacking/)
    const made = async (cache: string): Promise<string> => {
      const name = readdirSync(join(folder, cache)).find((entry) => /^386-[0-9a-f]{16}$/.test(entry))!
      const directory = join(folder, cache, name)
      await verifyGuest(await findGuest({ directory }))
      return readFileSync(join(directory, 'guest.json'), 'utf8')
    }
    const guest = await made('cache')
    const { packages } = JSON.parse(guest) as { packages: object[] }
    expect(packages).toContainEqual({ name: 'linux-source-6.1', version: '6.1', architecture: 'all' })

    expect((await start({ ...env, BOXLITE_GUEST_CACHE: join(folder, 'again') }).ended).code).toBe(0)
    expect(await made('again')).toBe(guest)
  })

  it('whose kernel has no source here is refused before anything is installed', async () => {
    const bin = join(folder, 'bin')
    mkdirSync(bin)
    // A machine that lacks the tools, and an apt that notes who wants to change the system.
    for (const tool of ['apt-cache', 'apt-config', 'dpkg-deb', 'flock', 'gcc']) symlinkSync(pathOf(tool)!, join(bin, tool))
    const noted = join(folder, 'noted')
    const apt = `#!/bin/sh\ncase "$*" in *DPkg::Lock*|*install*) echo "$*" >>'${noted}'; exit 1;; esac\nexec ${pathOf('apt-get')} "$@"\n`
    writeFileSync(join(bin, 'apt-get'), apt)
    chmodSync(join(bin, 'apt-get'), 0o755)
    const env = { APT_CONFIG: makeRepository(folder, others), BOXLITE_GUEST_CACHE: join(folder, 'cache'), PATH: bin }
    const { code, output } = await start(env).ended
    expect([code, existsSync(noted)]).toEqual([1, false])
    expect(output).toMatch(/have no linux-source-6\.1: .*Debian 12.*'npm install boxlite-guest-386'/)
  })

  it('that finds too little room is refused, with what to do', () => {
    vi.stubEnv('BOXLITE_GUEST_CACHE', folder)
    expect(() => requireRoom(2 ** 70)).toThrow(/free and the build needs .* GB for a while; name a folder with more room in BOXLITE_GUEST_CACHE/)
  })
})
