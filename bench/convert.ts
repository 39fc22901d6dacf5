// Converting an image with 256 MiB of data: to raw, to qcow2, and from a compressed one; neither side syncs.

import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { nodeCodec } from '../hosts/node/codec.ts'
import { convertToImage, convertToRaw } from '../src/disk/convert.ts'
import { Disk } from '../src/disk/disk.ts'
import { compare, sideCells, time, verdict, type Side, type Table } from './harness.ts'
import { inScratch, qemuStart, type Scratch } from './scratch.ts'

const dataBytes = 256 * 2 ** 20
const rounds = 5
const command = fileURLToPath(new URL('../hosts/node/cli/boxlite.js', import.meta.url))

type Format = 'raw' | 'qcow2'

interface Case {
  readonly title: string
  readonly source: string
  readonly format: Format
  readonly commandTarget: number
  readonly processTarget: number
}

const cases: readonly Case[] = [
  { title: 'Convert to raw', source: 'plain.qcow2', format: 'raw', commandTarget: 2, processTarget: 1.3 },
  { title: 'Convert to qcow2', source: 'plain.qcow2', format: 'qcow2', commandTarget: 2, processTarget: 1.3 },
  { title: 'Convert a compressed image to raw', source: 'compressed.qcow2', format: 'raw', commandTarget: 1.2, processTarget: 1.2 },
]

export async function benchConvert(): Promise<Table[]> {
  return inScratch(async (scratch) => {
    await makeImages(scratch)
    const tables: Table[] = []
    for (const one of cases) {
      const commands = await compare([ourCommand(scratch, one), qemu(scratch, one, false)], rounds, scratch.settle)
      const processes = await compare([ourProcess(scratch, one), qemu(scratch, one, true)], rounds, scratch.settle)
      const targets = [one.commandTarget, null, one.processTarget, null]
      tables.push({
        title: one.title,
        text: `4 GiB virtual, 256 MiB of data, half of it compressible. Medians of ${rounds}.`,
        head: ['side', 'median', 'fastest', 'slowest', 'ratio', 'target'],
        rows: [...commands, ...processes].map((side, index) => {
          const target = targets[index]
          const cells = sideCells(side)
          return [...cells, typeof target === 'number' ? `${target}x ${verdict(side.ratio, target)}` : '']
        }),
      })
    }
    return tables
  })
}

/** Every second cluster holds random bytes, the others repeat themselves. */
async function makeImages(scratch: Scratch): Promise<void> {
  await scratch.run('qemu-img', 'create', '-q', '-f', 'qcow2', 'empty.qcow2', '64K')
  const file = await scratch.files.open('source.raw', 'create')
  const chunk = Buffer.alloc(2 ** 20)
  for (let offset = 0; offset < dataBytes; offset += chunk.length) {
    for (let at = 0; at < chunk.length; at += 131072) {
      randomBytes(65536).copy(chunk, at)
      chunk.fill(`offset ${offset + at} `, at + 65536, at + 131072)
    }
    await file.write(chunk, offset)
  }
  await file.truncate(4 * 2 ** 30)
  await file.close()
  await scratch.run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', 'source.raw', 'plain.qcow2')
  await scratch.run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', 'source.raw', 'compressed.qcow2')
}

function ourCommand(scratch: Scratch, { source, format }: Case): Side {
  return {
    name: 'boxlite disk convert, a command',
    async run() {
      await rm(scratch.path('target'), { force: true })
      return time(() => scratch.run(process.execPath, command, 'disk', 'convert', '--no-sync', '-O', format, source, 'target'))
    },
  }
}

function ourProcess(scratch: Scratch, { source, format }: Case): Side {
  return {
    name: 'boxlite, in process',
    async run() {
      await rm(scratch.path('target'), { force: true })
      return time(async () => {
        const from = await scratch.files.open(source, 'read')
        const to = await scratch.files.open('target', 'create')
        const disk = await Disk.open([{ name: source, format: 'qcow2', file: from }], { codec: nodeCodec })
        await (format === 'raw' ? convertToRaw(disk, to) : convertToImage(disk, to))
        await disk.close()
        await to.close()
        await from.close()
      })
    },
  }
}

function qemu(scratch: Scratch, { source, format }: Case, lessStart: boolean): Side {
  return {
    name: lessStart ? 'qemu-img convert, less its start' : 'qemu-img convert, a command',
    async run() {
      await rm(scratch.path('target'), { force: true })
      const start = lessStart ? await qemuStart(scratch, 'empty.qcow2') : 0
      return (await time(() => scratch.run('qemu-img', 'convert', '-t', 'unsafe', '-f', 'qcow2', '-O', format, source, 'target'))) - start
    },
  }
}
