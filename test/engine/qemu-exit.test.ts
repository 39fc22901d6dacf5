// Why a machine ended, told from what QEMU said before it went. QEMU is a server that says it, and a process that ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { identifyProcess } from '../../hosts/node/process-identity.ts'
import type { ProcessEnd } from '../../hosts/node/qemu/machine-process.ts'
import { QemuMachine } from '../../hosts/node/qemu/machine.ts'
import { Qmp } from '../../hosts/node/qemu/qmp.ts'

describe('the end of a machine', () => {
  let directory: string
  let server: Server
  let child: ChildProcess
  let status: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-exit-'))
    status = 'paused'
    server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      socket.write('{"QMP":{}}\n')
      socket.on('data', (bytes) => {
        for (const line of bytes.toString().trim().split('\n')) {
          const { id } = JSON.parse(line) as { id: number }
          socket.write(`{"return":{"running":false,"status":"${status}"},"id":${id}}\n`)
        }
      })
    })
    await new Promise<void>((resolve) => server.listen(join(directory, 'qmp.sock'), resolve))
    child = spawn('sleep', ['600'], { stdio: 'ignore' })
  })

  afterEach(async () => {
    child.kill('SIGKILL')
    await new Promise((resolve) => server.close(resolve))
    await rm(directory, { recursive: true, force: true })
  })

  const machine = async (complaint: string | null = null): Promise<QemuMachine> => {
    const socket = createConnection(join(directory, 'qmp.sock'))
    await new Promise((resolve) => socket.once('connect', resolve))
    const qmp = await Qmp.open(socket, () => undefined, 60_000)
    const identity = { ...(await identifyProcess(child.pid!))!, nonce: 'qemu-kvm-0', detached: false }
    const ended = new Promise<ProcessEnd>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal, complaint })))
    const process = { identity, ended, release: () => undefined }
    const layerBelow = async (): Promise<null> => null
    const nothing = { view: null, top: null, isRunning: true, found: false }
    return new QemuMachine({ identity, accelerator: 'kvm', directory, process, qmp, layerBelow, ...nothing })
  }

  it.each([
    ['guest-shutdown', 'shutdown', /powered off/],
    ['guest-reset', 'reset', /rebooted/],
    ['host-signal', 'killed', /signal/],
    ['guest-panic', 'crashed', /SIGTERM/],
  ])('after %s is %s', async (said, reason, detail) => {
    const one = await machine()
    one.heard({ event: 'SHUTDOWN', data: { reason: said } })
    child.kill()
    expect(await one.exit).toMatchObject({ reason, detail: expect.stringMatching(detail) })
  })

  it('without a word is a crash, with its last complaint', async () => {
    const one = await machine('qemu-system-i386: out of memory')
    child.kill()
    expect(await one.exit).toMatchObject({ reason: 'crashed', detail: 'QEMU was ended by SIGTERM: qemu-system-i386: out of memory' })
  })

  it('is brought about where the accelerator gave up, since the guest would stand still for ever', async () => {
    status = 'internal-error'
    const one = await machine()
    one.heard({ event: 'STOP', data: {} })
    expect(await one.exit).toMatchObject({ reason: 'crashed', detail: 'The accelerator (kvm) failed' })
  })

  it('is not brought about by a pause', async () => {
    const one = await machine()
    one.heard({ event: 'STOP', data: {} })
    await one.drain()
    expect(child.exitCode).toBeNull()
    await one.kill()
    expect(await one.exit).toMatchObject({ reason: 'killed' })
  })
})
