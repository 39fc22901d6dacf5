// Boxes that run: how soon a box answers, beside a bare boot of the same kernel and root; what a command and a ping take; and
// how long a snapshot keeps a guest standing still.

import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'
import { findGuest, type GuestAssets } from '../hosts/node/guest-assets.ts'
import { BoxLite, isBoxLiteError, type Box, type EngineName } from '../hosts/node/index.ts'
import { QemuEngine } from '../hosts/node/qemu/engine.ts'
import { findProgram } from '../hosts/node/qemu/find-program.ts'
import { SocketChannel } from '../hosts/node/qemu/socket-channel.ts'
import { createV86Engine } from '../hosts/node/v86/engine.ts'
import { AgentSession } from '../src/agent/session.ts'
import type { Engine, Machine } from '../src/engine.ts'
import { compare, median, ms, sideCells, time, verdict, type Side, type Table } from './harness.ts'
import { publishedStart, publishedVersion } from './published.ts'
import { inScratch, type Scratch } from './scratch.ts'

const boots = 9
const commands = 100
const pings = 200
const snapshots = 41

const START_TIMEOUT_MS = 120_000
const LOOK_EVERY_MS = 2
const bootTarget = 1.3
/** In milliseconds. */
const targets = {
  qemu: { exec: 5, ping: 0.3 },
  v86: { exec: 25, ping: 0.5 },
  pausedMedian: 5,
  pausedP95: 20,
  snapshot: 100,
} as const

const small = { image: 'base', memoryMib: 128, diskSizeGb: 1 } as const

export async function benchMachines(): Promise<Table[]> {
  const guest = await guestHere()
  if (guest === null) return [{ title: 'Boxes that run', text: 'There is no guest on this machine: `npm run guest`.', head: ['side'], rows: [] }]
  return [await bootTable(guest), await answerTable(), await snapshotTable()]
}

async function guestHere(): Promise<GuestAssets | null> {
  try {
    return await findGuest()
  } catch (error) {
    if (isBoxLiteError(error, 'engine_unavailable')) return null
    throw error
  }
}

/** From a stopped box to its first command's answer, beside the same kernel, agent and disk under a QEMU started by hand. */
async function bootTable(guest: GuestAssets): Promise<Table> {
  const { accelerator } = await new QemuEngine().probe()
  const { measured, published } = await inScratch(async (scratch) => {
    const lite = await BoxLite.open({ homeDir: scratch.path('home'), engine: 'qemu' })
    try {
      const box = await lite.create({ name: 'boot', ...small })
      // The first start grows the file system; it is not what is compared.
      await box.exec('true')
      await box.stop()
      const ours: Side = {
        name: 'a stopped box: start, and the first `true` answered',
        async run() {
          const took = await time(() => box.exec('true').orThrow())
          await box.stop()
          return took
        },
      }
      const both = await compare([ours, await bareBoot(scratch, guest)], boots, scratch.settle)
      return { measured: both, published: await publishedStart(scratch, small.memoryMib) }
    } finally {
      await lite.close()
    }
  })
  return {
    title: 'Start of a box',
    text:
      `QEMU with ${accelerator}, 128 MiB. The bare side is a QEMU with kernel, disk and channel, to the agent's hello. Target: at most ` +
      `${bootTarget} times that. Medians of ${boots}.`,
    head: ['side', 'median', 'fastest', 'slowest', 'ratio', `target ${bootTarget}x`],
    rows: [
      ...measured.map((side, index) => [...sideCells(side), index === 0 ? verdict(side.ratio, bootTarget) : '']),
      publishedRow(published, measured[1]!.medianMs),
    ],
  }
}

/** One try of the published runtime, whatever it comes to. */
function publishedRow(published: Awaited<ReturnType<typeof publishedStart>>, bareMs: number): string[] {
  const name = `@boxlite-ai/boxlite ${publishedVersion}, one try`
  if ('reason' in published) return [name, `not measured: ${published.reason}`, '', '', '', '']
  const { tookMs, failure } = published
  if (failure !== null) return [name, `failed after ${ms(tookMs)}: ${failure}`, '', '', '', '']
  return [name, ms(tookMs), ms(tookMs), ms(tookMs), (tookMs / bareMs).toFixed(2), '']
}

/** QEMU by hand: nothing around it, and nothing for it to be safe with. */
async function bareBoot(scratch: Scratch, guest: GuestAssets): Promise<Side> {
  const program = await findProgram(['qemu-system-i386', 'qemu-system-x86_64'])
  const image = guest.image(small.image)
  if (program === null || image === null) throw new Error('QEMU or the image is missing')
  await scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', image.path, '-F', 'qcow2', 'bare.qcow2')
  const { accelerator } = await new QemuEngine().probe()
  const socket = scratch.path('bare.sock')
  const args = [
    ...['-machine', 'pc,acpi=off', '-accel', accelerator ?? 'tcg', '-cpu', accelerator === 'tcg' ? 'max' : 'host', '-m', `${small.memoryMib}`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'null'],
    ...['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', guest.manifest.commandLine],
    ...['-drive', `file=${scratch.path('bare.qcow2')},format=qcow2,if=virtio`],
    ...['-device', 'virtio-serial-pci', '-chardev', `socket,id=agent,path=${socket},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=agent,name=org.boxlite.agent.0'],
  ]
  return {
    name: `a bare ${program.split('/').pop()!}, to the agent's hello`,
    async run() {
      const start = performance.now()
      const child = spawn(program, args, { stdio: 'ignore' })
      const ended = new Promise((resolve) => child.once('close', resolve))
      const session = await openSession(new SocketChannel(await connected(socket)), true)
      const took = performance.now() - start
      await session.shutDown(1000)
      await ended
      return took
    },
  }
}

async function connected(path: string): Promise<Socket> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const socket = createConnection(path)
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return socket
    if (performance.now() > deadline) throw new Error(`nobody listens at ${path}`)
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

function openSession(channel: SocketChannel | Awaited<ReturnType<Machine['openAgent']>>['channel'], fresh: boolean): Promise<AgentSession> {
  return AgentSession.open(channel, { fresh, nonce: new Uint8Array(randomBytes(16)), timeoutMs: START_TIMEOUT_MS })
}

/** What a command and a ping take, once a box runs. */
async function answerTable(): Promise<Table> {
  const rows: string[][] = []
  for (const [name, engine] of engines()) {
    if ((await engine.probe()).accelerator === null) continue
    const pinged: number[] = []
    const ran = await withBox(tapped(engine, pinged), async (box) => {
      const times: number[] = []
      for (let count = 0; count < commands; count++) times.push(await time(() => box.exec('true').orThrow()))
      return times
    })
    rows.push([name, 'exec of `true`', ...spread(ran), verdict(median(ran), targets[name].exec), `${targets[name].exec} ms`])
    rows.push([name, 'ping of the agent', ...spread(pinged), verdict(median(pinged), targets[name].ping), `${targets[name].ping} ms`])
  }
  return {
    title: 'Commands in a running box',
    text: `Medians of ${commands} commands and ${pings} pings, one after the other.`,
    head: ['engine', 'what', 'median', '95 %', 'slowest', 'median within the target', 'target'],
    rows,
  }
}

/** An engine whose machines are pinged, before their owner speaks to them. */
function tapped(engine: Engine, times: number[]): Engine {
  return {
    name: engine.name,
    probe: () => engine.probe(),
    find: (boxId, store, identity) => engine.find(boxId, store, identity),
    end: (boxId, store, identity) => engine.end(boxId, store, identity),
    lives: (identity) => engine.lives(identity),
    visit: (boxId, store, identity, port) => engine.visit(boxId, store, identity, port),
    async prepare(spec) {
      const prepared = await engine.prepare(spec)
      return {
        identity: prepared.identity,
        abandon: () => prepared.abandon(),
        async launch() {
          const machine = await prepared.launch()
          const { channel, fresh } = await machine.openAgent()
          const session = await openSession(channel, fresh)
          for (let count = 0; count < pings; count++) times.push(await time(() => session.ping()))
          await session.close()
          await channel.closed
          return machine
        },
      }
    },
  }
}

/** How long a guest stands still for a snapshot, and how long the call takes. */
async function snapshotTable(): Promise<Table> {
  const rows: string[][] = []
  for (const [name, engine] of engines()) {
    if ((await engine.probe()).accelerator === null) continue
    const paused: number[] = []
    // From the last effect before the pause, so that the pausing counts as well.
    let before = 0
    let began = 0
    const logger = ({ effect }: { readonly effect: string }): void => {
      const now = performance.now()
      if (effect === 'PAUSE') began = before
      if (effect === 'RESUME') paused.push(now - began)
      before = now
    }
    const whole = await withBox(
      engine,
      async (box) => {
        const times: number[] = []
        for (let count = 0; count < snapshots; count++) times.push(await time(() => box.snapshot.create(`s${count}`)))
        return times
      },
      logger,
    )
    const { pausedMedian, pausedP95, snapshot } = targets
    const isShort = percentile(paused, 95) <= pausedP95
    rows.push([
      ...[name, 'guest paused', ...spread(paused)],
      ...[isShort ? verdict(median(paused), pausedMedian) : '**missed**', `${pausedMedian} ms, 95 %: ${pausedP95} ms`],
    ])
    rows.push([name, 'whole call, with freeze and thaw', ...spread(whole), verdict(median(whole), snapshot), `${snapshot} ms`])
  }
  return {
    title: 'Snapshot of a running box',
    text: `An idle guest. Medians of ${snapshots}, each on top of the one before.`,
    head: ['engine', 'what', 'median', '95 %', 'slowest', 'within the target', 'target'],
    rows,
  }
}

function engines(): [EngineName, Engine][] {
  return [
    ['qemu', new QemuEngine()],
    ['v86', createV86Engine()],
  ]
}

function withBox<T>(engine: Engine, work: (box: Box) => Promise<T>, logger?: (event: { readonly effect: string }) => void): Promise<T> {
  return inScratch(async (scratch) => {
    const lite = await BoxLite.open({ homeDir: scratch.path('home'), engine, ...(logger !== undefined && { logger }) })
    try {
      const box = await lite.create({ name: 'bench', ...small })
      await box.exec('true').orThrow()
      return await work(box)
    } finally {
      await lite.close()
    }
  })
}

function spread(times: readonly number[]): [string, string, string] {
  return [ms(median(times)), ms(percentile(times, 95)), ms(Math.max(...times))]
}

function percentile(times: readonly number[], percent: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))]!
}
