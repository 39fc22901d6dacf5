// What boxlite/terminal promises, between a fake terminal and a fake agent.
import { afterEach, describe, expect, it } from 'vitest'
import { Protocol } from '../../src/agent/protocol.ts'
import { AgentSession } from '../../src/agent/session.ts'
import type { Connect } from '../../src/connect.ts'
import { startShell, type ShellOptions } from '../../src/exec/exec.ts'
import type { Execution } from '../../src/exec/execution.ts'
import { attachTerminal, type AttachedTerminal } from '../../src/terminal.ts'
import { FakeAgent, NONCE, type FakeStream } from '../agent/fake-agent.ts'
import { FakeTerminal } from './fake-terminal.ts'

const sessions: AgentSession[] = []

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
})

interface Attached {
  readonly terminal: FakeTerminal
  readonly attached: AttachedTerminal
  /** The shell, on the guest's side. */
  readonly shell: FakeStream
}

async function connectTo(agent: FakeAgent): Promise<Connect> {
  const session = await AgentSession.open(agent.channel, { fresh: true, nonce: NONCE, timeoutMs: 60_000 })
  sessions.push(session)
  return () => Promise.resolve(session)
}

const boxOf = (connect: Connect): { shell(options?: ShellOptions): Execution<string> } => ({ shell: (options) => startShell(connect, options) })

/** A terminal on a shell that runs. */
async function attach(terminal = new FakeTerminal()): Promise<Attached> {
  const agent = new FakeAgent()
  const box = boxOf(await connectTo(agent))
  const opening = agent.nextOpen()
  const attached = attachTerminal(terminal, box)
  const shell = await opening
  shell.opened()
  return { terminal, attached, shell }
}

const inputOf = (shell: FakeStream): string => Buffer.concat(shell.input).toString()

describe('a terminal on a shell', () => {
  it('gives the shell its size, and each new one', async () => {
    const { terminal, shell } = await attach()
    const size = shell.fields.find(({ tag }) => tag === 5)!.value
    expect([...new Uint16Array(size.slice().buffer)]).toEqual([100, 30])
    terminal.resize(132, 43)
    terminal.resize(40, 10)
    await shell.until(() => shell.sizes.length === 2)
    expect(shell.sizes).toEqual([[132, 43], [40, 10]])
  })

  it('sends what is typed in its order, characters of any plane and bytes of the mouse', async () => {
    const { terminal, shell } = await attach()
    terminal.type('echo grün 🦊')
    terminal.type('\r')
    terminal.reportMouse('\x1b[M \xff\x80')
    await shell.until(() => Buffer.concat(shell.input).length === 22)
    expect(Buffer.concat(shell.input)).toEqual(Buffer.concat([Buffer.from('echo grün 🦊\r'), Buffer.from('\x1b[M \xff\x80', 'latin1')]))
  })

  it('sends what is typed before the box is up', async () => {
    const agent = new FakeAgent()
    const connect = await connectTo(agent)
    let up = (): void => {}
    const booted = new Promise<void>((resolve) => (up = resolve))
    const terminal = new FakeTerminal()
    attachTerminal(terminal, boxOf(() => booted.then(() => connect())))
    terminal.type('ls\r')
    terminal.resize(90, 20)
    const opening = agent.nextOpen()
    up()
    const shell = await opening
    shell.opened()
    await shell.until(() => inputOf(shell) === 'ls\r' && shell.sizes.length === 1)
    expect(shell.sizes).toEqual([[90, 20]])
  })

  it('shows characters whole, wherever their bytes were parted', async () => {
    const { terminal, shell } = await attach()
    const bytes = Buffer.from('größe 🦊 完')
    for (const byte of bytes) await shell.send(1, new Uint8Array([byte]))
    await terminal.until(() => terminal.shown.endsWith('完'))
    expect(terminal.shown).toBe('größe 🦊 完')
  })

  it('lets the shell write no faster than it shows', async () => {
    const terminal = new FakeTerminal()
    terminal.fast = false
    const { shell } = await attach(terminal)
    const total = 8 << 20
    let sent = false
    const sending = shell.send(1, new Uint8Array(total).fill(0x61), 4096).then(() => (sent = true))
    // Until nothing moves: the guest has no credit, and everything that came lies before the terminal or is on its way.
    await terminal.until(() => terminal.unparsed > 128 * 1024)
    for (let before = -1; before !== terminal.shown.length; await new Promise(setImmediate)) before = terminal.shown.length
    expect(sent).toBe(false)
    expect(terminal.unparsed).toBeLessThan(512 * 1024)
    terminal.fast = true
    terminal.parse()
    await sending
    await terminal.until(() => terminal.shown.length === total)
  })

  it('makes what is typed wait while the shell does not read', async () => {
    const agent = new FakeAgent()
    const box = boxOf(await connectTo(agent))
    const opening = agent.nextOpen()
    const terminal = new FakeTerminal()
    attachTerminal(terminal, box)
    const shell = await opening
    shell.opened()
    shell.onInput = () => {}
    const window = Protocol.WINDOW_BYTES
    terminal.type('x'.repeat(2 * window))
    await shell.until(() => inputOf(shell).length === window)
    await new Promise(setImmediate)
    expect(inputOf(shell).length).toBe(window)
    shell.giveCredit(window)
    await shell.until(() => inputOf(shell).length === 2 * window)
  })

  it('says how the shell ended when all it wrote is shown', async () => {
    const terminal = new FakeTerminal()
    terminal.fast = false
    const { attached, shell } = await attach(terminal)
    let ended = false
    void attached.exit.then(() => (ended = true))
    await shell.send(1, 'logout\r\n')
    shell.exit(3)
    await terminal.until(() => terminal.shown === 'logout\r\n')
    await new Promise(setImmediate)
    expect(ended).toBe(false)
    terminal.parse()
    expect(await attached.exit).toMatchObject({ exitCode: 3, signal: null, truncated: false })
    expect(terminal.listenerCount).toBe(0)
  })

  it('takes keys after the shell has ended without a complaint', async () => {
    const { terminal, attached, shell } = await attach()
    shell.exit(0)
    terminal.type('too late')
    await attached.exit
    terminal.type('later still')
    expect(inputOf(shell)).not.toContain('later still')
  })

  it('says why there is no shell', async () => {
    const failure = new Error('no engine')
    const attached = attachTerminal(new FakeTerminal(), boxOf(() => Promise.reject(failure)))
    await expect(attached.exit).rejects.toBe(failure)
  })
})

describe('a terminal that is let go', () => {
  it('hangs the shell up, listens no more and shows no more', async () => {
    const { terminal, attached, shell } = await attach()
    attached.dispose()
    attached.dispose()
    expect(terminal.listenerCount).toBe(0)
    await shell.until(() => shell.signals.length === 1)
    expect(shell.signals).toEqual([1])
    await shell.send(1, 'a last word')
    shell.killed(1)
    expect(await attached.exit).toMatchObject({ exitCode: null, signal: 'SIGHUP' })
    expect(terminal.shown).toBe('')
  })

  it('frees a shell that waits to be read', async () => {
    const terminal = new FakeTerminal()
    terminal.fast = false
    const { attached, shell } = await attach(terminal)
    const sending = shell.send(1, new Uint8Array(8 << 20).fill(0x61), 4096)
    await terminal.until(() => terminal.unparsed > 128 * 1024)
    attached.dispose()
    await sending
    shell.killed(1)
    expect(await attached.exit).toMatchObject({ signal: 'SIGHUP' })
  })
})
