// The public API on every host that runs in Node.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openNodeStore } from '../../hosts/node/home.ts'
import { nodeHost } from '../../hosts/node/host.ts'
import { BoxLite } from '../../hosts/node/index.ts'
import type { BoxHost } from '../../src/box-host.ts'
import { BoxLite as BoxLiteOn } from '../../src/boxlite.ts'
import type { Box } from '../../src/box.ts'
import { portableCodec } from '../../src/disk/codec.ts'
import { BoxLiteError, isBoxLiteError } from '../../src/error.ts'
import { MemoryHome, MemoryStore } from '../../src/store/memory-store.ts'
import { describeBoxLite } from './boxlite-suite.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

const noMachines: Pick<BoxHost, 'randomBytes' | 'engines' | 'findGuest'> = {
  randomBytes: (length) => new Uint8Array(length),
  engines: [],
  findGuest: () => Promise.reject(new BoxLiteError('engine_unavailable', 'There is no guest')),
}

describeBoxLite('memory', async () => {
  const home = new MemoryHome()
  let ids = 0
  const host: BoxHost = {
    openStore: async () => new MemoryStore(home),
    codec: portableCodec,
    newId: () => (++ids).toString(16).padStart(32, '0'),
    nowMs: () => NOW_MS,
    ...noMachines,
  }
  return { host, store: async () => new MemoryStore(home), discard: async () => {} }
})

describeBoxLite('Node', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'boxlite-api-'))
  const homeDir = join(directory, 'home')
  const host: BoxHost = { ...nodeHost(), openStore: () => openNodeStore(homeDir), nowMs: () => NOW_MS }
  return { host, store: () => openNodeStore(homeDir), discard: () => rm(directory, { recursive: true }) }
})

describe('a box that was snapshotted for a long time', () => {
  it('leaves no unnamed layer with a single child after one prune', async () => {
    const home = new MemoryHome()
    let ids = 0
    const lite = await BoxLiteOn.open({
      openStore: async () => new MemoryStore(home),
      codec: portableCodec,
      newId: () => (++ids).toString(16).padStart(32, '0'),
      nowMs: () => NOW_MS,
      ...noMachines,
    })
    const box = await lite.create({ diskSizeGb: 1 / 1024 })
    for (let round = 0; round < 500; round++) {
      if (round % 10 === 0) {
        const disk = await box.disk()
        await disk.write((round % 16) * 65536, new Uint8Array(512).fill(1 + (round % 255)))
        await disk.close()
      }
      await box.snapshot.create(`s${round}`)
      if (round !== 250) await box.snapshot.remove(`s${round}`)
    }
    const before = await contents(box)
    expect(home.layers.size).toBe(501)
    const { merged, deleted, findings } = await lite.prune()
    expect([merged, deleted, new Set(findings.map(({ kind }) => kind))]).toEqual([499, 499, new Set(['garbage'])])
    // The one that a snapshot names, and the disk.
    expect(home.layers.size).toBe(2)
    expect(await contents(box)).toBe(before)
    expect((await lite.fsck()).findings).toEqual([])
    await lite.close()
  })
})

describe('an archive', () => {
  it('comes from a file by its path or its URL, and from a server; a path where there are no files is refused', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-archive-'))
    const path = join(directory, 'web.box')
    const lite = await BoxLite.open({ homeDir: join(directory, 'home'), engine: 'none' })
    const server = createServer((request, response) => {
      if (request.url === '/web.box') createReadStream(path).pipe(response)
      else response.writeHead(404).end()
    })
    try {
      const chunks: Uint8Array[] = []
      for await (const chunk of (await lite.create({ diskSizeGb: 1 / 1024 })).export()) chunks.push(chunk)
      await writeFile(path, Buffer.concat(chunks))
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      for (const source of [path, pathToFileURL(path), new URL(`${origin}/web.box`)]) expect((await lite.import(source)).name).toBeNull()
      await expect(lite.import(new URL(`${origin}/none`))).rejects.toMatchObject({ code: 'not_found' })
      await expect(lite.import(join(directory, 'none'))).rejects.toMatchObject({ code: 'not_found' })
      const { openFile: _openFile, files: _files, ...page } = nodeHost()
      const inPage = await BoxLiteOn.open({ ...page, ...noMachines, openStore: async () => new MemoryStore() })
      for (const source of [path, pathToFileURL(path)]) await expect(inPage.import(source)).rejects.toMatchObject({ code: 'unsupported' })
    } finally {
      server.close()
      await lite.close()
      await rm(directory, { recursive: true })
    }
  })
})

async function contents(box: Box): Promise<string> {
  const disks = [await box.disk({ writable: false }), await box.snapshot.disk('s250')]
  const hash = createHash('sha256')
  for (const disk of disks) {
    const bytes = new Uint8Array(disk.sizeBytes)
    await disk.read(0, bytes)
    await disk.close()
    hash.update(bytes)
  }
  return hash.digest('hex')
}

describe('the package on Node', () => {
  it('opens a home by its directory and imports a file by its path', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-api-'))
    const path = join(directory, 'disk.raw')
    await writeFile(path, 'hello')
    const lite = await BoxLite.open({ homeDir: join(directory, 'home') })
    expect(lite.location).toBe(join(directory, 'home'))
    expect(lite.capabilities).toEqual({ hostFiles: true })
    const box = await lite.create({ name: 'web', disk: { path } })
    expect((await box.info()).disk.virtualSizeBytes).toBe(512)
    await expect(lite.create({ disk: { path: join(directory, 'none') } })).rejects.toSatisfy((error) => isBoxLiteError(error, 'not_found'))
    await lite.close()
    await rm(directory, { recursive: true })
  })

  it('has a home, and locks on it, at a path far longer than a socket may have', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-api-'))
    const homeDir = join(directory, ...Array.from({ length: 15 }, () => 'd'.repeat(200)))
    const [one, other] = [await BoxLite.open({ homeDir }), await BoxLite.open({ homeDir })]
    const disk = await (await one.create({ name: 'web', diskSizeGb: 2 ** -10 })).disk()
    const box = (await other.get('web'))!
    await expect(box.snapshot.create('clean')).rejects.toSatisfy((error) => isBoxLiteError(error, 'busy'))
    await disk.close()
    await one.close()
    expect((await box.snapshot.create('clean')).name).toBe('clean')
    await other.close()
    await rm(directory, { recursive: true })
  })
})
