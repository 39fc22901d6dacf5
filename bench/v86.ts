// The v86 engine beside the emulator alone: how long a machine takes to its agent's hello, and what its disk does.

import { randomBytes } from 'node:crypto'
import { copyFile, open, readFile } from 'node:fs/promises'
import { AgentSession } from '../src/agent/session.ts'
import { createImage } from '../src/disk/create.ts'
import { Disk } from '../src/disk/disk.ts'
import type { ByteChannel, MachineSpec } from '../src/engine.ts'
import { startExec } from '../src/exec/exec.ts'
import { EmulatedMachine } from '../hosts/v86/emulated-machine.ts'
import { LiveDisk } from '../hosts/v86/live-disk.ts'
import { AGENT_PORT } from '../hosts/v86/protocol.ts'
import type { BlockBackend } from '../hosts/v86/virtio-blk.ts'
import { nodeCodec } from '../hosts/node/codec.ts'
import { createNodeFileSystem } from '../hosts/node/fs.ts'
import { findGuest, type GuestAssets } from '../hosts/node/guest-assets.ts'
import { openNodeStore } from '../hosts/node/home.ts'
import { blockingFs } from '../hosts/node/v86/blocking-fs.ts'
import { createV86Engine } from '../hosts/node/v86/engine.ts'
import { loadEmulator } from '../hosts/node/v86/load-emulator.ts'
import { compare, compareSteps, sideCells, type Side, type SteppedSide, type Table, time, verdict } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const diskBytes = 512 * 2 ** 20
const memoryMib = 128
const bootRounds = 5
const diskRounds = 5
const timeoutMs = 120_000
const head = ['side', 'median', 'fastest', 'slowest', 'ratio']

const dataBytes = 32 * 2 ** 20
const forget = 'echo 3 >/proc/sys/vm/drop_caches'
const reads = `dd if=/data of=/dev/null bs=1M 2>/dev/null; ${forget}`
// From a file system in the guest's memory, so that neither the making of the bytes nor their reading is measured.
const writes = `dd if=/dev/shm/data of=/written bs=1M conv=fsync 2>/dev/null; ${forget}`

export async function benchV86Start(): Promise<Table> {
  const guest = await findGuest()
  return inScratch((scratch) => measureStart(scratch, guest))
}

export async function benchV86Disk(): Promise<Table[]> {
  const guest = await findGuest()
  return inScratch((scratch) => measureDisk(scratch, guest))
}

async function measureStart(scratch: Scratch, guest: GuestAssets): Promise<Table> {
  const engine = createV86Engine()
  // Compiled once for a program, as for the other side.
  await engine.probe()
  const store = await openNodeStore(scratch.path('home'))
  const base = `${'b'.repeat(32)}.qcow2`
  await copyFile(guest.image('base')!.path, scratch.path(`home/layers/${base}`))
  const ours: Side = {
    name: 'a machine of the engine',
    async run() {
      const top = `${randomBytes(16).toString('hex')}.qcow2`
      const file = await store.createLayer(top)
      await createImage(file, { sizeBytes: diskBytes, backing: { name: base, format: 'qcow2' } })
      await file.close()
      const { directory: location, kernel, initrd, firmware, manifest } = guest
      const files = { location, kernel, initrd, firmware, commandLine: manifest.commandLine }
      const spec: MachineSpec = { boxId: '0'.repeat(32), store, disk: [top, base], cpus: 1, memoryMib, guest: files, detach: false }
      const start = performance.now()
      const machine = await (await engine.prepare(spec)).launch()
      const { channel, fresh } = await machine.openAgent()
      await AgentSession.open(channel, { fresh, nonce: randomBytes(16), timeoutMs })
      const took = performance.now() - start
      await machine.kill()
      return took
    },
  }
  const bare: Side = {
    name: 'the emulator alone, on a plain file',
    async run(round) {
      const disk = await plainDisk(scratch, guest, `boot${round}.raw`)
      const start = performance.now()
      const { machine } = await boot(guest, disk)
      const took = performance.now() - start
      await machine.pause()
      await disk.close()
      return took
    },
  }
  const measured = await compare([ours, bare], bootRounds)
  await store.close()
  return {
    title: 'v86: start to the hello of the agent',
    text: `The same kernel, agent and root; ${memoryMib} MiB. Medians of ${bootRounds}. At most 1.3: ${verdict(measured[0]!.ratio, 1.3)}.`,
    head,
    rows: measured.map(sideCells),
  }
}

async function measureDisk(scratch: Scratch, guest: GuestAssets): Promise<Table[]> {
  const ends: (() => Promise<void>)[] = []
  const side = async (name: string, disk: ClosableDisk): Promise<SteppedSide<'reads' | 'writes'>> => {
    const { machine, session } = await boot(guest, disk)
    ends.push(async () => {
      await machine.pause()
      await machine.drain()
      await disk.close()
    })
    // The image itself is compressed; these bytes are as a box writes them, and nothing that a layer could leave out.
    const data = randomBytes(dataBytes)
    const prepare = `set -e; cat >/data; cp /data /dev/shm/data; sync; ${forget}`
    await startExec(async () => session, 'sh', ['-c', prepare], { stdin: data, timeoutMs }).orThrow()
    const run = (script: string): Promise<number> => time(() => startExec(async () => session, 'sh', ['-c', script]).orThrow())
    return { name, run: async () => ({ reads: await run(reads), writes: await run(writes) }) }
  }
  const layered = await side('through a chain of layers', await layeredDisk(scratch, guest))
  const plain = await side('on a plain file', await plainDisk(scratch, guest, 'disk.raw'))
  const measured = await compareSteps([layered, plain], diskRounds)
  for (const end of ends) await end()
  const done = {
    reads: '32 MiB of random bytes with nothing of the disk cached in the guest',
    writes: '32 MiB of random bytes into a file, and one fsync',
  }
  return (['reads', 'writes'] as const).map((what) => ({
    title: `v86: the guest ${what} its disk`,
    text:
      `${done[what]}; medians of ${diskRounds}. ` +
      `At least 0.8 times the speed of the plain file: ${verdict(measured[what][0]!.ratio, 1 / 0.8)}.`,
    head,
    rows: measured[what].map(sideCells),
  }))
}

interface ClosableDisk extends BlockBackend {
  close(): Promise<void>
}

/** An overlay on the image, as a box has it. */
async function layeredDisk(scratch: Scratch, guest: GuestAssets): Promise<ClosableDisk> {
  const files = createNodeFileSystem(scratch.path('.'), blockingFs)
  const [top, base] = [`${'1'.repeat(32)}.qcow2`, `${'2'.repeat(32)}.qcow2`]
  await copyFile(guest.image('base')!.path, scratch.path(base))
  const file = await files.open(top, 'create')
  await createImage(file, { sizeBytes: diskBytes, backing: { name: base, format: 'qcow2' } })
  await file.close()
  return LiveDisk.open([top, base], (name, mode) => files.open(name, mode), nodeCodec)
}

/** The same bytes in a file, read and written as they are. */
async function plainDisk(scratch: Scratch, guest: GuestAssets, name: string): Promise<ClosableDisk> {
  const files = createNodeFileSystem(scratch.path('.'))
  const image = `from-${name}`
  await copyFile(guest.image('base')!.path, scratch.path(image))
  const source = await files.open(image, 'read')
  const disk = await Disk.open([{ name: image, format: 'qcow2', file: source }])
  const target = await open(scratch.path(name), 'w+')
  await target.truncate(diskBytes)
  const piece = new Uint8Array(2 ** 20)
  for (let at = 0; at < disk.sizeBytes; at += piece.length) {
    await disk.read(at, piece)
    await target.write(piece, 0, piece.length, at)
  }
  await source.close()
  return {
    sizeBytes: diskBytes,
    read: async (offset, bytes) => void (await target.read(bytes, 0, bytes.length, offset)),
    write: async (offset, bytes) => void (await target.write(bytes, 0, bytes.length, offset)),
    writeZeroes: async () => undefined,
    flush: () => target.sync(),
    close: () => target.close(),
  }
}

/** Starts a computer in this very thread; resolves with its agent's hello. */
async function boot(guest: GuestAssets, disk: BlockBackend): Promise<{ machine: EmulatedMachine; session: AgentSession }> {
  const load = async (path: string): Promise<ArrayBuffer> => new Uint8Array(await readFile(path)).buffer
  let receiver: (bytes: Uint8Array) => void = () => undefined
  const machine = await EmulatedMachine.create({
    module: (await loadEmulator()).module,
    files: {
      firmware: await load(guest.firmware),
      kernel: await load(guest.kernel),
      initrd: await load(guest.initrd),
      commandLine: guest.manifest.commandLine,
    },
    memoryMib,
    serial: 'bench',
    ports: [{ ...AGENT_PORT, received: (bytes) => receiver(bytes), delivered: () => undefined }],
    said: () => undefined,
    ended: () => undefined,
    diskFailed: (error) => console.error(error),
  })
  machine.attach(disk)
  const port = machine.ports[0]!
  port.open(Number.MAX_SAFE_INTEGER)
  await machine.run()
  const channel: ByteChannel = {
    write: async (bytes) => port.send(bytes.slice()),
    receive: (given) => (receiver = given),
    closed: new Promise(() => undefined),
    close: async () => port.close(),
  }
  return { machine, session: await AgentSession.open(channel, { fresh: true, nonce: randomBytes(16), timeoutMs }) }
}
