// The process behind a machine: what it has, what it has not, when it ends; on Linux, where /proc tells.
import { link, open, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { identifyProcess, isAlive } from '../../hosts/node/process-identity.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { endProcess } from '../../hosts/node/qemu/machine-process.ts'
import { WaitingProcess } from '../../hosts/node/qemu/waiting-process.ts'
import type { Machine, MachineSpec } from '../../src/engine.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { Child } from '../node/child.ts'
import { errorCode } from '../error-code.ts'
import { bootDiskGuest, type GuestHome, nextRound } from './disk-guest.ts'
import { useDiskGuest } from './use-disk-guest.ts'

const isLinux = process.platform === 'linux'

describe('the process of a machine', () => {
  const user = useDiskGuest()
  let missing: string | null
  const children: Child[] = []

  beforeAll(async () => {
    const { accelerator, refused } = await engine().probe()
    missing = accelerator === null ? refused.map(({ reason }) => reason).join(' ') : isLinux ? null : 'there is no /proc here'
  })

  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill()
  })

  const cacheFile = (): string => join(user.directory, 'probe.json')
  const engine = (edit = bootDiskGuest(user.rom)): QemuEngine => new QemuEngine({ cacheFile: cacheFile(), accelerator: 'tcg', edit })

  const start = async (spec: MachineSpec): Promise<Machine> => user.launch(await engine().prepare(spec))

  const check = (sentence: string, test: () => Promise<void>): void => {
    it(sentence, async (context) => {
      if (missing !== null) return context.skip(missing)
      await test()
    })
  }

  /** A program that starts a machine and says whose; it was given the open file `inherits` beside what it needs. */
  const owner = async (
    place: GuestHome,
    disk: readonly string[],
    more: object,
    inherits?: number,
  ): Promise<{ child: Child; identity: MachineRecord }> => {
    const { location: home } = place.store
    const parameters = { home, disk, boxId: place.boxId, rom: user.rom, cacheFile: cacheFile(), detach: false, until: 'running', ...more }
    const script = 'machine-owner.mjs'
    const child = new Child(inherits === undefined ? script : { script, inherits }, JSON.stringify(parameters))
    children.push(child)
    const line = await child.line()
    if (line === null) throw new Error(`the owner failed: ${await child.end()}`)
    return { child, identity: JSON.parse(line) as MachineRecord }
  }

  check('opens no layer before it is let go, and is the same process after', async () => {
    const { place, disk } = await user.home()
    const prepared = await engine().prepare(place.spec(disk, user.guest))
    expect(await isAlive(prepared.identity)).toBe(true)
    expect((await openFiles(prepared.identity.pid)).filter(isLayer)).toEqual([])
    const machine = await user.launch(prepared)
    expect(machine.identity).toEqual(prepared.identity)
    expect(await isAlive(prepared.identity)).toBe(true)
    expect((await openFiles(prepared.identity.pid)).filter(isLayer)).toHaveLength(2)
    expect(await command(prepared.identity.pid)).toContain('qemu-system')
  })

  check('has nothing of its owner, can gain nothing, and filters its system calls', async () => {
    const { place, disk } = await user.home()
    process.env['BOXLITE_TEST_SECRET'] = 'secret'
    const { identity } = await start(place.spec(disk, user.guest))
    delete process.env['BOXLITE_TEST_SECRET']
    const environment = await readFile(`/proc/${identity.pid}/environ`, 'latin1')
    expect(environment.split('\0').filter((entry) => entry !== '' && !entry.startsWith('PWD='))).toEqual([])
    const status = await readFile(`/proc/${identity.pid}/status`, 'latin1')
    expect(status).toMatch(/NoNewPrivs:\t1/)
    expect(status).toMatch(/Seccomp:\t2/)
    const limits = await readFile(`/proc/${identity.pid}/limits`, 'latin1')
    expect(limits).toMatch(/Max core file size +0 +0/)
    expect(limits).not.toMatch(/Max address space +unlimited/)
    // Everything it has open is its own: sockets, events, and files of the home and of QEMU.
    const strange = (await openFiles(identity.pid)).filter(
      (file) => !/^(?:socket:|anon_inode:|pipe:|\/dev\/null$|\/memfd:)/.test(file) && !file.startsWith(place.store.location),
    )
    expect(strange).toEqual([])
    const { protections } = await engine().probe()
    expect(protections.filter(({ active }) => active).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['no-network', 'resource-limits', 'system-call-filter', 'no-new-privileges', 'ends-with-owner']),
    )
  })

  check('does not get what its owner was given by others', async () => {
    const { place, disk } = await user.home()
    await writeFile(place.path('secret'), 'secret')
    const secret = await open(place.path('secret'))
    try {
      const { child, identity } = await owner(place, disk, {}, secret.fd)
      // The owner has it, in a way in which its children would.
      expect(await openFiles(child.process.pid!)).toContain(place.path('secret'))
      expect(await openFiles(identity.pid)).not.toContain(place.path('secret'))
      expect(await readlink(`/proc/${identity.pid}/fd/40`)).toBe('/dev/null')
    } finally {
      await secret.close()
    }
  })

  check('has a frozen layer open for reading only', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place.spec(disk, user.guest))
    const top = await place.overlay(disk[0]!)
    await machine.expect!(top)
    await machine.pause()
    await machine.switchTo(top)
    expect(await accessModes(machine.identity.pid)).toEqual({ [place.base]: 'read', [disk[0]!]: 'read', [top]: 'write' })
  })

  check('has no layer open that it was not switched to after all', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place.spec(disk, user.guest))
    const [unused, other] = [await place.overlay(disk[0]!), await place.overlay(disk[0]!)]
    await machine.expect!(unused)
    await machine.expect!(other)
    expect(await accessModes(machine.identity.pid)).toEqual({ [place.base]: 'read', [disk[0]!]: 'write', [other]: 'write' })
    await machine.pause()
    await machine.resume()
    // Answered after the layer was closed.
    await machine.status()
    expect(await accessModes(machine.identity.pid)).toEqual({ [place.base]: 'read', [disk[0]!]: 'write' })
    const top = await place.overlay(disk[0]!)
    await machine.expect!(other)
    await machine.pause()
    await machine.switchTo(top)
    expect(await accessModes(machine.identity.pid)).toEqual({ [place.base]: 'read', [disk[0]!]: 'read', [top]: 'write' })
  })

  it('sees no disk but its own inside bubblewrap, while it opens it, also at a switch and under another owner', async (context) => {
    if (missing !== null) return context.skip(missing)
    const { protections } = await engine().probe()
    if (!protections.some(({ name, active }) => name === 'private-file-system' && active)) return context.skip('no bubblewrap works here')
    const { place, disk } = await user.home()
    const other = await place.overlay(place.base)
    const first = await start(place.spec(disk, user.guest, { detach: true }))
    // As the process itself sees it: proc(5), root.
    const inside = (path: string): string => join(`/proc/${first.identity.pid}/root`, place.store.location, path)
    const run = `run/${place.boxId}`
    const layers = async (): Promise<string[]> => (await readdir(inside(run), { recursive: true })).filter((name) => isLayer(`/${name}`))
    for (const path of ['layers', 'boxes', `layers/${other}`]) expect(await stat(inside(path)).then(() => 'seen', codeOf), path).toBe('ENOENT')
    expect(await layers()).toEqual([])
    expect(await writeFile(inside(`${run}/frozen/x`), 'x').catch(codeOf)).toBe('EROFS')

    // What was written a moment ago is opened for writing by others than QEMU: nothing of it may have another name.
    const switched = async (machine: Machine, to: string): Promise<void> => {
      await machine.pause()
      await machine.flush()
      await machine.switchTo(to)
      await (await place.store.openLayer(to, 'write')).close()
      await machine.resume()
    }
    const second = await place.overlay(disk[0]!)
    await switched(first, second)
    await first.release()
    // As an owner leaves it that is killed in the middle of a switch.
    await link(join(place.store.location, 'layers', second), join(place.store.location, run, second))
    const next = (await engine().find(place.boxId, place.store, first.identity))!
    user.own(next)
    expect(await layers()).toEqual([])
    await switched(next, await place.overlay(second))
    await nextRound(next)
    expect(await layers()).toEqual([])
    await next.kill()
    expect((await readdir(join(place.store.location, run))).filter((name) => !name.startsWith('console.log'))).toEqual([])
  })

  check('ends with its owner, however that ends', async () => {
    const { place, disk } = await user.home()
    const { child, identity } = await owner(place, disk, {})
    expect(await isAlive(identity)).toBe(true)
    await child.kill()
    await gone(identity)
    expect(await engine().find(place.boxId, place.store, identity)).toBeNull()
  })

  check('ends with its owner before it was let go', async () => {
    const { place, disk } = await user.home()
    const { child, identity } = await owner(place, disk, { until: 'prepared' })
    // bubblewrap's own child waits for ever for a bubblewrap that is killed in the moment before it is let run: that is over by then.
    await expect.poll(() => command(identity.pid), { interval: 5, timeout: 20_000 }).toMatch(/^\/bin\/sh /)
    await child.kill()
    await gone(identity)
  })

  check('goes on without its owner when it is detached, and is found by the next', async () => {
    const { place, disk } = await user.home()
    const { child, identity } = await owner(place, disk, { detach: true })
    await child.kill()
    const machine = await engine().find(place.boxId, place.store, identity)
    expect(machine).not.toBeNull()
    user.own(machine!)
    const round = await nextRound(machine!)
    expect(await nextRound(machine!, round)).toBeGreaterThan(round)
  })

  check('is not taken for another one that answers in its place', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place.spec(disk, user.guest, { detach: true }))
    await machine.release()
    const other = { ...machine.identity, nonce: 'qemu-0' }
    expect(await errorCode(engine().find(place.boxId, place.store, other))).toBe('timeout')
    expect(await engine().find(place.boxId, place.store, { ...machine.identity, startTime: '1' })).toBeNull()
    expect(await engine().find(place.boxId, place.store, { ...machine.identity, bootId: 'another' })).toBeNull()
    await engine().end(place.boxId, place.store, { ...machine.identity, startTime: '1' })
    expect(await isAlive(machine.identity)).toBe(true)
    await engine().end(place.boxId, place.store, machine.identity)
    expect(await isAlive(machine.identity)).toBe(false)
  })

  check('that was let go leaves its sockets alone: they may be the next machine of its box', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place.spec(disk, user.guest, { detach: true }))
    const run = join(place.store.location, 'run', place.boxId)
    // Whoever reaches one of them can do with the machine what its owner can.
    for (const name of ['.', 'qmp.sock', 'agent.0.sock', 'console.sock']) expect((await stat(join(run, name))).mode & 0o077, name).toBe(0)
    await machine.release()
    await engine().end(place.boxId, place.store, machine.identity)
    await machine.exit
    expect(await readdir(run)).toEqual(expect.arrayContaining(['qmp.sock', 'agent.0.sock', 'console.sock']))
  })

  check('that was ended by somebody else is told as crashed, with the signal', async () => {
    const { place, disk } = await user.home()
    const machine = await start(place.spec(disk, user.guest))
    await nextRound(machine)
    process.kill(machine.identity.pid, 'SIGKILL')
    const exit = await machine.exit
    expect(exit).toMatchObject({ reason: 'crashed', detail: expect.stringContaining('SIGKILL') })
    expect(exit.console).toMatch(/w[0-9a-f]{8}$/m)
  })

  check('is reached in a home whose path is longer than a socket may have', async () => {
    const { place, disk } = await user.home({ under: 'deep/'.repeat(40) })
    expect(Buffer.byteLength(place.store.location)).toBeGreaterThan(200)
    const machine = await start(place.spec(disk, user.guest))
    await nextRound(machine)
    const { channel } = await machine.openAgent()
    await channel.close()
  })
})

describe('a process that waits to be let go', () => {
  const waiting: WaitingProcess[] = []

  afterEach(async () => {
    for (const one of waiting.splice(0)) {
      await endProcess(one.identity)
      await one.ended
    }
  })

  const begin = async (args: readonly string[], detach = false): Promise<WaitingProcess> => {
    const launch = { program: '/bin/sh', args, directory: tmpdir(), detach, setpriv: null, enclosure: null, addressSpaceBytes: 1024 ** 3 }
    const one = await WaitingProcess.start(launch)
    waiting.push(one)
    return one
  }

  it('tells its exit code and its last complaint', async () => {
    const one = await begin(['-c', 'echo first >&2; echo second >&2; exit 3'])
    one.letGo()
    expect(await one.ended).toEqual({ code: 3, signal: null, complaint: 'second' })
    expect(await isAlive(one.identity)).toBe(false)
  })

  it('is ended by its watcher where the kernel does not do that', async (context) => {
    if (!isLinux) return context.skip('there is no /proc here')
    const child = new Child('waiting-owner.mjs')
    const identity = JSON.parse((await child.line())!) as MachineRecord
    expect(await isAlive(identity)).toBe(true)
    await child.kill()
    await gone(identity)
  })

  it('that cannot be started is an error, not a crash', async () => {
    const directory = join(tmpdir(), 'boxlite-not-there')
    const launch = { program: '/bin/sh', args: [], directory, detach: false, setpriv: null, enclosure: null, addressSpaceBytes: 0 }
    expect(await errorCode(WaitingProcess.start(launch))).toBe('io')
  })
})

describe('the identity of a process', () => {
  it('is the same as long as it lives, and nobody else has it', async () => {
    const own = await identifyProcess(process.pid)
    expect(own).toEqual(await identifyProcess(process.pid))
    expect(await isAlive(own!)).toBe(true)
    expect(await isAlive({ ...own!, startTime: `${Number(own!.startTime) + 1}` })).toBe(false)
    expect(await isAlive({ ...own!, bootId: 'another' })).toBe(false)
  })

  it.each([0, -1, 1.5, 2 ** 22 + 1, 2 ** 60, NaN])('is none for the number %s', async (pid) => {
    expect(await identifyProcess(pid)).toBeNull()
  })

  it('ends with the process, also before its parent has noticed', async (context) => {
    if (!isLinux) return context.skip('there is no /proc here')
    // The shell's child ends at once and is not waited for: a zombie, whose files are closed.
    const { spawn } = await import('node:child_process')
    const shell = spawn('/bin/sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const pid = await new Promise<number>((resolve) => shell.stdout.once('data', (said: Buffer) => resolve(Number(said.toString()))))
    await expect.poll(() => identifyProcess(pid), { interval: 5, timeout: 20_000 }).toBeNull()
    shell.kill('SIGKILL')
  })
})

/** Waits for the end of a process that nobody has told to end by now. */
async function gone(identity: MachineRecord): Promise<void> {
  try {
    await expect.poll(() => isAlive(identity), { interval: 5, timeout: 20_000 }).toBe(false)
  } finally {
    await endProcess(identity)
  }
}

/** What a process has open: targets of the links in /proc. */
async function openFiles(pid: number): Promise<string[]> {
  const descriptors = await readdir(`/proc/${pid}/fd`)
  // One that was closed meanwhile is not open.
  const links = await Promise.allSettled(descriptors.map((descriptor) => readlink(`/proc/${pid}/fd/${descriptor}`)))
  return links.flatMap((link) => (link.status === 'fulfilled' ? [link.value] : []))
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

/** How proc(5) shows a file whose name is gone. */
const deleted = ' (deleted)'

const isLayer = (file: string): boolean => /\/[0-9a-f]{32}\.(?:qcow2|raw)$/.test(file.replace(deleted, ''))

/** How each layer is open, by its name: proc(5), fdinfo. */
async function accessModes(pid: number): Promise<Record<string, 'read' | 'write'>> {
  const modes: Record<string, 'read' | 'write'> = {}
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    const file = await readlink(`/proc/${pid}/fd/${descriptor}`)
    if (!isLayer(file)) continue
    const flags = /flags:\s*(\d+)/.exec(await readFile(`/proc/${pid}/fdinfo/${descriptor}`, 'latin1'))![1]!
    modes[basename(file.replace(deleted, ''))] = (parseInt(flags, 8) & 3) === 0 ? 'read' : 'write'
  }
  return modes
}

async function command(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/cmdline`, 'latin1')).replaceAll('\0', ' ')
}
