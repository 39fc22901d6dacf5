// Bytes through a command's input and output and through copies, beside the bare channel: the same engine, kernel and root, but
// instead of the agent a shell that only reads and writes the port with dd.

import { randomBytes } from 'node:crypto'
import { copyFile, open, rm } from 'node:fs/promises'
import { findGuest, type GuestAssets } from '../hosts/node/guest-assets.ts'
import { openNodeStore } from '../hosts/node/home.ts'
import { BoxLite, isBoxLiteError, type Box, type EngineName } from '../hosts/node/index.ts'
import { QemuEngine } from '../hosts/node/qemu/engine.ts'
import { createV86Engine } from '../hosts/node/v86/engine.ts'
import { DEFAULT_MEMORY_MIB } from '../src/box-settings.ts'
import { createImage } from '../src/disk/create.ts'
import type { ByteChannel, Engine, Machine } from '../src/engine.ts'
import type { Store } from '../src/host.ts'
import { compareSteps, ms, time, verdict, type Measured, type SteppedSide, type Table } from './harness.ts'
import { inScratch, type Scratch } from './scratch.ts'

const title = 'Bytes into and out of a box'
const PIECE_BYTES = 65_536
const PIECES = 1600
const dataBytes = PIECES * PIECE_BYTES
const rounds = 9
/** Of the bare channel's speed, at least. */
const target = 0.5

/** What the shell in the bare machine is told. */
const Command = { IN: 'i', OUT: 'o' } as const
const DONE = 2

// The first process, instead of the agent.
const script = [
  'until [ -c /dev/vport*p* ]; do :; done;',
  'exec 3<>$(echo /dev/vport*p*);',
  'while :; do case $(dd bs=1 count=1 <&3 2>/dev/null) in',
  `${Command.IN}) dd bs=${PIECE_BYTES} count=${PIECES} iflag=fullblock of=/dev/null <&3 2>/dev/null; printf '\\00${DONE}' >&3;;`,
  `${Command.OUT}) dd bs=${PIECE_BYTES} count=${PIECES} if=/dev/zero >&3 2>/dev/null;;`,
  'esac; done',
].join(' ')

type Direction = 'in' | 'out'

export async function benchBytes(): Promise<Table[]> {
  const guest = await guestHere()
  if (guest === null) return [{ title, text: 'There is no guest on this machine: `npm run guest`.', head: ['side'], rows: [] }]
  const tables: Table[] = []
  for (const [name, engine] of engines()) {
    const { accelerator } = await engine.probe()
    if (accelerator !== null) tables.push(await inScratch((scratch) => bytesTable(scratch, guest, engine, `${name} with ${accelerator}`)))
  }
  return tables
}

function engines(): [EngineName, Engine][] {
  return [
    ['qemu', new QemuEngine()],
    ['v86', createV86Engine()],
  ]
}

async function guestHere(): Promise<GuestAssets | null> {
  try {
    return await findGuest()
  } catch (error) {
    if (isBoxLiteError(error, 'engine_unavailable')) return null
    throw error
  }
}

async function bytesTable(scratch: Scratch, guest: GuestAssets, engine: Engine, name: string): Promise<Table> {
  const store = await openNodeStore(scratch.path('bare'))
  const machine = await bareMachine(store, guest, engine)
  const lite = await BoxLite.open({ homeDir: scratch.path('home'), engine })
  try {
    const box = await lite.create({ name: 'bytes', image: 'base', diskSizeGb: 1 })
    await writeData(scratch.path('data'))
    const sides = [throughExec(box), await throughPort(machine), throughCopies(box, scratch)]
    const measured = await compareSteps(sides, rounds, scratch.settle)
    return table(name, measured)
  } finally {
    await lite.close()
    await machine.kill()
    await store.close()
  }
}

/** A machine of the engine as it is, but for its first process. */
async function bareMachine(store: Store, guest: GuestAssets, engine: Engine): Promise<Machine> {
  const [top, base] = [`${'1'.repeat(32)}.qcow2`, `${'2'.repeat(32)}.qcow2`]
  await copyFile(guest.image('base')!.path, `${store.location}/layers/${base}`)
  const file = await store.createLayer(top)
  await createImage(file, { sizeBytes: 2 ** 30, backing: { name: base, format: 'qcow2' } })
  await file.close()
  const { directory: location, kernel, initrd, firmware, manifest } = guest
  const commandLine = `${manifest.commandLine} rdinit=/none root=/dev/vda rw init=/bin/sh -- -c "${script}"`
  const files = { location, kernel, initrd, firmware, commandLine }
  const spec = { boxId: '0'.repeat(32), store, disk: [top, base], cpus: 1, memoryMib: DEFAULT_MEMORY_MIB, guest: files, detach: false }
  return (await engine.prepare(spec)).launch()
}

async function throughPort(machine: Machine): Promise<SteppedSide<Direction>> {
  const { channel } = await machine.openAgent()
  const data = randomBytes(dataBytes)
  let missing = 0
  let came: () => void = () => undefined
  channel.receive((bytes) => {
    missing -= bytes.length
    if (missing === 0) came()
  })
  const answer = (bytes: number): Promise<void> => {
    missing = bytes
    return new Promise((resolve) => (came = resolve))
  }
  return {
    name: 'the bare channel',
    async run() {
      return {
        in: await time(async () => {
          const done = answer(1)
          await channel.write(Buffer.from(Command.IN))
          await writeAll(channel, data)
          await done
        }),
        out: await time(async () => {
          const done = answer(dataBytes)
          await channel.write(Buffer.from(Command.OUT))
          await done
        }),
      }
    },
  }
}

async function writeAll(channel: ByteChannel, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length; at += 2 ** 20) await channel.write(data.subarray(at, at + 2 ** 20))
}

function throughExec(box: Box): SteppedSide<Direction> {
  const data = randomBytes(dataBytes)
  return {
    name: 'a command: `stdin`, `stdout`',
    async run() {
      return {
        in: await time(() => box.exec('dd', [`bs=${PIECE_BYTES}`, 'of=/dev/null'], { stdin: data }).orThrow()),
        out: await time(async () => {
          const options = { encoding: 'buffer', maxOutputBytes: 0 } as const
          const execution = box.exec('dd', [`bs=${PIECE_BYTES}`, `count=${PIECES}`, 'if=/dev/zero'], options)
          let came = 0
          for await (const bytes of execution.stdout) came += bytes.length
          if (came !== dataBytes) throw new Error(`${came} bytes came of ${dataBytes}`)
        }),
      }
    },
  }
}

function throughCopies(box: Box, scratch: Scratch): SteppedSide<Direction> {
  return {
    name: 'copyIn, copyOut',
    async run() {
      await box.exec('sh', ['-c', 'rm -f /root/data; sync']).orThrow()
      await rm(scratch.path('copy'), { force: true })
      return {
        in: await time(() => box.files.copyIn(scratch.path('data'), '/root/data')),
        out: await time(() => box.files.copyOut('/root/data', scratch.path('copy'))),
      }
    },
  }
}

async function writeData(path: string): Promise<void> {
  const file = await open(path, 'w')
  await file.write(randomBytes(dataBytes))
  await file.close()
}

function table(name: string, measured: Record<Direction, Measured[]>): Table {
  const row = (direction: Direction, side: Measured): string[] => {
    const speed = 1 / side.ratio
    const isBare = side === measured[direction][1]
    const met = isBare ? '' : verdict(target, speed)
    const megabytes = `${(dataBytes / 1e3 / side.medianMs).toFixed(0)} MB/s`
    return [side.name, direction, ms(side.medianMs), ms(side.fastestMs), ms(side.slowestMs), megabytes, speed.toFixed(2), met]
  }
  return {
    title: `${title}: ${name}`,
    text:
      `100 MiB each way; medians of ${rounds}. The bare channel is the same kernel and engine, and instead of the agent a shell that ` +
      'only reads and writes the port with dd. copyIn goes to the disk of the box, copyOut to that of this machine.',
    head: ['side', 'direction', 'median', 'fastest', 'slowest', 'speed', 'of the bare channel', `at least ${target}`],
    rows: (['in', 'out'] as const).flatMap((direction) => measured[direction].map((side) => row(direction, side))),
  }
}
