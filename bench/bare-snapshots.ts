// What snapshots cost at the least: the same new files, writes, fsyncs and renames as a home, and nothing else. No core,
// no locks, nothing is read or checked.

import { closeSync, fsyncSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs'
import { mkdir, open, rename, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { time, type SteppedSide } from './harness.ts'

/** The bytes that boxlite writes for one operation, taken from its home. */
export interface Written {
  /** Of a new overlay: what stands in it, and its length. */
  readonly segments: readonly { readonly offset: number; readonly bytes: Uint8Array }[]
  readonly lengthBytes: number
  readonly record: Uint8Array
}

export type SnapshotStep = 'create' | 'restore' | 'remove' | 'clone'

/** The calls, as promises or blocking; each of them ends durable where boxlite's does. */
interface Calls {
  newLayer(path: string): Promise<void> | void
  syncFile(path: string): Promise<void> | void
  syncDirectory(name: 'boxes' | 'layers'): Promise<void> | void
  commit(id: string): Promise<void> | void
  close(): Promise<void>
}

/** A side that has its directories open until it is closed. */
export type BareSide = SteppedSide<SnapshotStep> & { close(): Promise<void> }

/** The bare script, with `node:fs/promises` or with blocking calls, in a folder of its own. */
export async function bareSide(name: string, folder: string, written: Written, blocking: boolean): Promise<BareSide> {
  for (const directory of ['boxes', 'layers']) await mkdir(join(folder, directory), { recursive: true })
  const calls = blocking ? blockingCalls(folder, written) : await promisedCalls(folder, written)
  let layers = 0
  const layer = (): string => join(folder, 'layers', `${layers++}.qcow2`)
  let live = layer()
  await calls.newLayer(live)
  const overlayAndCommit = async (): Promise<void> => {
    live = layer()
    await calls.newLayer(live)
    await calls.syncDirectory('layers')
    await calls.commit('box')
  }
  return {
    name,
    close: () => calls.close(),
    run: async (round) => ({
      create: await time(async () => {
        const frozen = live
        live = layer()
        await calls.newLayer(live)
        await calls.syncFile(frozen)
        await calls.syncDirectory('layers')
        await calls.commit('box')
      }),
      restore: await time(overlayAndCommit),
      remove: await time(async () => calls.commit('box')),
      clone: await time(async () => {
        const frozen = live
        live = layer()
        await calls.newLayer(live)
        await calls.newLayer(layer())
        await calls.syncFile(frozen)
        await calls.syncDirectory('layers')
        await calls.commit('box')
        await calls.commit(`clone${round}`)
      }),
    }),
  }
}

async function promisedCalls(folder: string, written: Written): Promise<Calls> {
  const directories: Record<'boxes' | 'layers', FileHandle> = { boxes: await open(join(folder, 'boxes')), layers: await open(join(folder, 'layers')) }
  let count = 0
  return {
    async newLayer(path) {
      const file = await open(path, 'wx', 0o600)
      for (const { offset, bytes } of written.segments) await file.write(bytes, 0, bytes.length, offset)
      await file.truncate(written.lengthBytes)
      await file.sync()
      await file.close()
    },
    async syncFile(path) {
      const file = await open(path, 'r+')
      await file.sync()
      await file.close()
    },
    async close() {
      for (const directory of Object.values(directories)) await directory.close()
    },
    syncDirectory: (name) => directories[name].sync(),
    async commit(id) {
      const temporary = join(folder, 'boxes', `${id}.${count++}.tmp`)
      const file = await open(temporary, 'wx', 0o600)
      await file.write(written.record)
      await file.sync()
      await file.close()
      await rename(temporary, join(folder, 'boxes', `${id}.json`))
      await directories.boxes.sync()
    },
  }
}

function blockingCalls(folder: string, written: Written): Calls {
  const directories = { boxes: openSync(join(folder, 'boxes'), 'r'), layers: openSync(join(folder, 'layers'), 'r') }
  let count = 0
  return {
    newLayer(path) {
      const file = openSync(path, 'wx', 0o600)
      for (const { offset, bytes } of written.segments) writeSync(file, bytes, 0, bytes.length, offset)
      ftruncateSync(file, written.lengthBytes)
      fsyncSync(file)
      closeSync(file)
    },
    syncFile(path) {
      const file = openSync(path, 'r+')
      fsyncSync(file)
      closeSync(file)
    },
    async close() {
      for (const directory of Object.values(directories)) closeSync(directory)
    },
    syncDirectory: (name) => fsyncSync(directories[name]),
    commit(id) {
      const temporary = join(folder, 'boxes', `${id}.${count++}.tmp`)
      const file = openSync(temporary, 'wx', 0o600)
      writeSync(file, written.record)
      fsyncSync(file)
      closeSync(file)
      renameSync(temporary, join(folder, 'boxes', `${id}.json`))
      fsyncSync(directories.boxes)
    },
  }
}
