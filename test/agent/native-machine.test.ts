// What needs more of the machine than descriptors: control groups, a disk to freeze, a root of its own. As root, where there is such.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import { FrameType, StreamKind } from '../../src/agent/protocol.ts'
import { buildNativeAgent, type NativeAgent, type NativeAgentOptions, nativeAgentRefusal, startNativeAgent } from './native-agent.ts'
import { exitOf, type Field, type Outcome, RawSession, u16, u32, u64 } from './raw-session.ts'

const { errno, signals } = constants
const refusal = nativeAgentRefusal() ?? (process.getuid!() === 0 ? null : 'only root can do that')
if (refusal === null) buildNativeAgent()

describe('an agent as root', () => {
  let folder: string
  let agent: NativeAgent | null
  let mounted: string | null

  beforeEach((ctx) => {
    if (refusal !== null) ctx.skip(refusal)
    agent = null
    mounted = null
    folder = mkdtempSync(join(tmpdir(), 'boxlite-agent-'))
  })

  afterEach(() => {
    if (mounted !== null) expect(spawnSync('umount', [mounted]).status).toBe(0)
    if (refusal === null) rmSync(folder, { recursive: true, force: true })
  })

  async function start(options: NativeAgentOptions): Promise<RawSession> {
    agent = startNativeAgent(options)
    const session = new RawSession(agent.channels[0]!)
    await session.greet()
    return session
  }

  async function stop(session: RawSession): Promise<void> {
    session.socket.destroy()
    expect(await agent!.ended).toEqual({ status: 0, complaints: '' })
  }

  async function call(session: RawSession, kind: number, fields: readonly Field[] = []): Promise<Outcome> {
    session.open(9, kind, fields)
    return await session.finish(9)
  }

  it('sees its root and nothing else', async () => {
    mkdirSync(join(folder, 'inside'))
    const session = await start({ root: folder })
    expect((await call(session, StreamKind.LIST, [[1, '/../..']])).outputs[0].toString('latin1')).toContain('inside')
    expect((await call(session, StreamKind.STAT, [[1, '/etc/passwd']])).error).toBe(errno.ENOENT)
    // A box without users has root, and whoever is a number.
    expect((await call(session, StreamKind.WRITE_FILE, [[1, '/file'], [4, 'daemon']])).error).toBe(errno.ENOENT)
    expect((await session.run(1, ['/bin/true'])).error).toBe(errno.ENOENT)
    await stop(session)
  })

  /** A new cgroup2 directory. */
  function makeGroup(ctx: TestContext): string {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' '))
    const mount = mounts.find((words) => words[2] === 'cgroup2')?.[1]
    if (mount === undefined) return ctx.skip('cgroup2 is not mounted')
    const group = `${mount}/boxlite-agent-test-${process.pid}`
    try {
      mkdirSync(group)
    } catch (error) {
      return ctx.skip(`no cgroup can be made: ${String(error)}`)
    }
    return existsSync(`${group}/cgroup.kill`) ? group : ctx.skip('the kernel is older than 5.14')
  }

  const processesIn = (group: string): string => readFileSync(`${group}/exec-0/cgroup.procs`, 'utf8')

  async function emptied(session: RawSession, group: string): Promise<void> {
    while (processesIn(group) !== '') {
      session.send(FrameType.PING, 0)
      await session.next(FrameType.PING)
    }
  }

  it('kills what left the process group of its program, by the control group', async (ctx) => {
    const group = makeGroup(ctx)
    const session = await start({ cgroup: group })
    const script = 'setsid sh -c "echo up; sleep 1000" & wait'
    for (const [id, end] of [[1, () => session.send(FrameType.CANCEL, 1)], [2, () => session.greet()]] as const) {
      session.exec(id, ['/bin/sh', '-c', script])
      await session.next(FrameType.DATA1, id)
      expect(processesIn(group)).not.toBe('')
      await end()
      if (id === 1) expect(exitOf(await session.finish(1))).toEqual([1, signals.SIGKILL])
      await emptied(session, group)
    }
    await stop(session)
    rmdirSync(`${group}/exec-0`)
    rmdirSync(group)
  })

  it('lets daemons live, in their group, and uses groups again when they are empty', async (ctx) => {
    const group = makeGroup(ctx)
    const session = await start({ cgroup: group })
    const outcome = await session.run(1, ['/bin/sh', '-c', 'sleep 1000 > /dev/null 2>&1 & echo $!'])
    const daemon = Number(String(outcome.outputs[0]))
    expect(processesIn(group).trim()).toBe(String(daemon))
    for (let id = 2; id < 10; id++) expect(exitOf(await session.run(id, ['true']))).toEqual([0, 0])
    expect(readdirSync(group).filter((name) => name.startsWith('exec-')).sort()).toEqual(['exec-0', 'exec-1'])
    process.kill(daemon, 'SIGKILL')
    await emptied(session, group)
    await stop(session)
    for (const name of ['exec-0', 'exec-1']) rmdirSync(`${group}/${name}`)
    rmdirSync(group)
  })

  /** Mounts a small file system on a loop device, until the test's end. */
  function mountDisk(ctx: TestContext): string {
    const image = join(folder, 'disk')
    const mount = join(folder, 'mount')
    const file = openSync(image, 'w')
    ftruncateSync(file, 16 << 20)
    closeSync(file)
    mkdirSync(mount)
    const made = spawnSync('mkfs.ext4', ['-q', image])
    const done = made.status === 0 ? spawnSync('mount', ['-o', 'loop', image, mount]) : made
    if (done.status !== 0) return ctx.skip(`no file system can be mounted: ${String(done.error ?? done.stderr)}`)
    mounted = mount
    return mount
  }

  it('freezes its disk for one session, thaws it on demand and at the end of the session, and stays awake itself', async (ctx) => {
    const mount = mountDisk(ctx)
    const session = await start({ disk: mount, sessions: 2 })
    const other = new RawSession(agent!.channels[1]!)
    await other.greet()
    const frozen = await call(session, StreamKind.FREEZE)
    expect([frozen.error, frozen.result.get(1)!.readUInt32LE(0)]).toEqual([0, 1])
    expect((await call(other, StreamKind.FREEZE)).error).toBe(errno.EBUSY)
    expect([...(await call(other, StreamKind.THAW)).result.get(1)!]).toEqual([0])
    // A writer waits, and nobody else.
    other.open(1, StreamKind.WRITE_FILE, [[1, `${mount}/file`]])
    other.data(1, 'written')
    other.end(1)
    expect((await call(session, StreamKind.LIST, [[1, mount]])).error).toBe(0)
    expect(existsSync(`${mount}/file`)).toBe(false)
    expect([...(await call(session, StreamKind.THAW)).result.get(1)!]).toEqual([1])
    expect((await other.finish(1)).error).toBe(0)
    expect(readFileSync(`${mount}/file`, 'utf8')).toBe('written')
    expect([...(await call(session, StreamKind.THAW)).result.get(1)!]).toEqual([0])
    expect((await call(session, StreamKind.FREEZE)).error).toBe(0)
    session.socket.destroy()
    expect((await call(other, StreamKind.MAKE_DIRECTORY, [[1, `${mount}/directory`]])).error).toBe(0)
    await stop(other)
  })

  it('thaws by itself when its time is over, and says then that it was not frozen any more', async (ctx) => {
    const mount = mountDisk(ctx)
    const session = await start({ disk: mount, thawAfterMs: 1 })
    expect((await call(session, StreamKind.FREEZE)).error).toBe(0)
    // Nobody thaws it, and the writer goes on.
    expect((await call(session, StreamKind.MAKE_DIRECTORY, [[1, `${mount}/directory`]])).error).toBe(0)
    expect([...(await call(session, StreamKind.THAW)).result.get(1)!]).toEqual([0])
    await stop(session)
  })

  it('touches nothing of the machine that it does not own', async () => {
    const session = await start({})
    expect((await call(session, StreamKind.FREEZE)).error).toBe(errno.EOPNOTSUPP)
    expect((await call(session, StreamKind.SET_CLOCK, [[1, u64(1n)]])).error).toBe(errno.EPERM)
    expect((await call(session, StreamKind.ADD_ENTROPY, [[1, 'entropy']])).error).toBe(errno.EPERM)
    expect((await call(session, StreamKind.SET_HOSTNAME, [[1, 'name']])).error).toBe(errno.EPERM)
    const metrics = (await call(session, StreamKind.METRICS)).result
    expect([...metrics.keys()]).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(metrics.get(1)!.readBigUInt64LE(0)).toBeGreaterThan(metrics.get(2)!.readBigUInt64LE(0))
    await stop(session)
  })

  // Their shells wait in `wait`: dash loses a signal that comes while it starts a program.
  it('shuts down: asks, waits for the grace, kills, and ends', async () => {
    const session = await start({})
    session.exec(1, ['/bin/sh', '-c', 'trap "echo asked; exit 0" TERM; sleep 1000 & echo up; wait'])
    await session.next(FrameType.DATA1, 1)
    session.exec(2, ['/bin/sh', '-c', 'trap "" TERM; echo up; while :; do sleep 0.01; done'])
    await session.next(FrameType.DATA1, 2)
    expect((await call(session, StreamKind.SHUT_DOWN, [[1, u32(100)]])).error).toBe(0)
    // ESHUTDOWN, which Node does not name.
    expect((await session.run(3, ['true'])).error).toBe(108)
    expect(String((await session.finish(1)).outputs[0])).toBe('asked\n')
    expect(exitOf(await session.finish(2))).toEqual([1, signals.SIGKILL])
    expect(await agent!.ended).toEqual({ status: 0, complaints: '' })
  })

  it('hangs up the shell at a terminal, which ignores SIGTERM, and no program that takes it', async () => {
    const session = await start({})
    const terminal = [[5, Buffer.concat([u16(80), u16(24)])], [6, u32(3)]] as const
    session.exec(1, ['/bin/sh', '-i'], terminal)
    session.exec(2, ['/bin/sh', '-c', 'trap "sleep 0.1; echo asked; exit 0" TERM; sleep 1000 & echo up; wait'], terminal)
    await session.next(FrameType.DATA1, 1)
    await session.next(FrameType.DATA1, 2)
    expect((await call(session, StreamKind.SHUT_DOWN, [[1, u32(60_000)]])).error).toBe(0)
    expect(exitOf(await session.finish(1))).toEqual([1, signals.SIGHUP])
    expect(String((await session.finish(2)).outputs[0])).toContain('asked')
    expect(await agent!.ended).toEqual({ status: 0, complaints: '' })
  })
})
