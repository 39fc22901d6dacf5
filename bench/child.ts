// Work whose memory is measured, alone in a process: prints how long it took and the most memory the process ever had.

import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { nodeCodec } from '../hosts/node/codec.ts'
import { createNodeFileSystem } from '../hosts/node/fs.ts'
import { BoxLite } from '../hosts/node/index.ts'
import { Disk } from '../src/disk/disk.ts'
import { isBoxLiteError } from '../src/error.ts'

const [work, ...args] = process.argv.slice(2) as [string, ...string[]]

const works: Readonly<Record<string, (first: string, second: string) => Promise<unknown>>> = {
  async export(homeDir, archive) {
    const lite = await BoxLite.open({ homeDir })
    const box = await lite.get('box')
    await pipeline(Readable.from(box!.export()), createWriteStream(archive))
    await lite.close()
  },
  async import(homeDir, archive) {
    const lite = await BoxLite.open({ homeDir })
    await lite.import(createReadStream(archive), { name: 'imported' })
    await lite.close()
  },
  async open(folder, image) {
    const files = createNodeFileSystem(folder)
    const file = await files.open(image, 'read')
    try {
      const disk = await Disk.open([{ name: image, format: 'qcow2', file }], { codec: nodeCodec })
      const sector = new Uint8Array(512)
      await disk.read(0, sector)
      await disk.read(disk.sizeBytes - sector.length, sector)
      await disk.close()
      return 'opened and read'
    } catch (error) {
      if (!isBoxLiteError(error)) throw error
      return `refused: ${error.code}`
    } finally {
      await file.close()
    }
  },
  async nothing() {},
}

const before = process.memoryUsage.rss()
const start = performance.now()
const answer = await works[work]!(args[0] ?? '', args[1] ?? '')
const tookMs = performance.now() - start
console.log(JSON.stringify({ answer, tookMs, startBytes: before, peakBytes: process.resourceUsage().maxRSS * 1024 }))
