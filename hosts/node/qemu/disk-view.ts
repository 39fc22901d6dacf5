// What QEMU sees of the home's layers inside bubblewrap: those of its own disk, under their own names, and only while it opens them.
// A guest that broke out of its machine has the files that QEMU has open, and reaches no other disk.
//
//   run/<boxId>/                      can be written, QEMU starts here
//     <top>.qcow2                     the layer itself, by one more name (a hard link); at a switch the old top, too
//     <below>.qcow2 -> frozen/...     so that each file has the name that the header above it says
//     frozen/                         can be read: one more name of every layer below
//
// The names are there from a machine's launch until it listens, and for the time of a flush and of a switch, for which QEMU may open its
// top anew. They must not stay: a layer with other names is not opened for writing. The record names the machine by then, so whoever
// takes the box of an owner that died meets them.

import { linkSync, rmSync, symlinkSync } from 'node:fs'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isBoxLiteError } from '../../../src/error.ts'
import { isLayerName } from '../../../src/store/names.ts'
import { asFileError, fileCall } from '../file-call.ts'
import { namesIn } from '../names-in.ts'
import type { Places } from './run-directory.ts'

/** The part that can only be read. */
const FROZEN = 'frozen'
/** Made and given another name to find out whether files can have two. */
const TRIAL = 'trial'

export class DiskView {
  readonly #layers: string
  readonly #run: string

  private constructor({ layers, run }: Places) {
    this.#layers = layers
    this.#run = run
  }

  /** Absolute. */
  get frozen(): string {
    return join(this.#run, FROZEN)
  }

  /** In the new run directory, for such a disk; null where its files cannot be given more names. */
  static async make(places: Places, disk: readonly string[]): Promise<DiskView | null> {
    const view = new DiskView(places)
    await fileCall('make', view.frozen, mkdir(view.frozen, { mode: 0o700 }))
    if (await view.#canName(disk)) return view
    await fileCall('remove', view.frozen, rm(view.frozen, { recursive: true }))
    return null
  }

  /** That of a machine which lives; null where it sees all layers. */
  static async find(places: Places): Promise<DiskView | null> {
    return (await namesIn(places.run)).includes(FROZEN) ? new DiskView(places) : null
  }

  /** Lets QEMU open layers during `work`: those `written`, and others for reading alone. */
  async during<T>(written: readonly string[], read: readonly string[], work: () => Promise<T>): Promise<T> {
    // All at once: a guest may stand still meanwhile, and a call of another thread takes longer than a name.
    try {
      for (const layer of written) this.#name(layer, layer)
      for (const layer of read) this.#nameFrozen(layer)
      return await work()
    } finally {
      for (const name of [...written, ...read, ...read.map((layer) => join(FROZEN, layer))]) this.#unname(name)
    }
  }

  /** Whether the disk is in this file system and this user's, and files can have two names here. */
  async #canName(disk: readonly string[]): Promise<boolean> {
    const { dev, uid } = await fileCall('look at', this.frozen, stat(this.frozen))
    // One that is not there QEMU misses with better words.
    const layers = await Promise.allSettled(disk.map((layer) => stat(join(this.#layers, layer))))
    if (layers.some((found) => found.status === 'fulfilled' && (found.value.dev !== dev || found.value.uid !== uid))) return false
    const trial = join(this.frozen, TRIAL)
    await fileCall('make', trial, writeFile(trial, ''))
    try {
      linkSync(trial, `${trial}.2`)
      return true
    } catch {
      return false
    } finally {
      for (const path of [trial, `${trial}.2`]) await fileCall('remove', path, rm(path, { force: true }))
    }
  }

  #nameFrozen(layer: string): void {
    this.#name(layer, join(FROZEN, layer))
    this.#call('make', layer, (path) => symlinkSync(join(FROZEN, layer), path))
  }

  #name(layer: string, name: string): void {
    try {
      this.#call('make', name, (path) => linkSync(join(this.#layers, layer), path))
    } catch (error) {
      if (!isBoxLiteError(error, 'not_found')) throw error
    }
  }

  #unname(name: string): void {
    this.#call('remove', name, (path) => rmSync(path, { force: true }))
  }

  #call(action: string, name: string, call: (path: string) => void): void {
    const path = join(this.#run, name)
    try {
      call(path)
    } catch (error) {
      throw asFileError(error, action, path)
    }
  }
}

/** Takes back the names that an owner that died left to layers. */
export async function removeNames(run: string): Promise<void> {
  for (const directory of [run, join(run, FROZEN)]) {
    for (const name of (await namesIn(directory)).filter(isLayerName)) {
      const path = join(directory, name)
      await fileCall('remove', path, rm(path, { force: true }))
    }
  }
}

/** Removes what a machine that has ended saw of layers. */
export async function removeDiskView(run: string): Promise<void> {
  await removeNames(run)
  const path = join(run, FROZEN)
  await fileCall('remove', path, rm(path, { recursive: true, force: true }))
}
