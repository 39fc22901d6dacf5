// Machines with the real guest on disks of their own, as an engine gives them: no API in between.
import { randomBytes } from 'node:crypto'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findGuest } from '../../hosts/node/guest-assets.ts'
import { openNodeStore } from '../../hosts/node/home.ts'
import { AgentSession } from '../../src/agent/session.ts'
import { createImage } from '../../src/disk/create.ts'
import type { Machine, MachineSpec } from '../../src/engine.ts'
import { startExec } from '../../src/exec/exec.ts'
import type { Store } from '../../src/host.ts'
import { newLayerId } from './disk-guest.ts'

/** Within which an agent answers: a loaded machine boots for long. */
const BOOT_MS = 120_000

export class LinuxHome {
  readonly store: Store
  /** The layer of the image `base`. */
  readonly base: string
  readonly #directory: string

  private constructor(store: Store, base: string, directory: string) {
    this.store = store
    this.base = base
    this.#directory = directory
  }

  static async make(): Promise<LinuxHome> {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-linux-'))
    const store = await openNodeStore(join(directory, 'home'))
    const base = `${newLayerId()}.qcow2`
    await copyFile((await findGuest()).image('base')!.path, join(store.location, 'layers', base))
    return new LinuxHome(store, base, directory)
  }

  /** An empty layer of a disk of `sizeBytes`. */
  async overlay(below: string, sizeBytes = 512 * 2 ** 20): Promise<string> {
    const name = `${newLayerId()}.qcow2`
    const file = await this.store.createLayer(name)
    await createImage(file, { sizeBytes, backing: { name: below, format: 'qcow2' } })
    await file.sync()
    await file.close()
    return name
  }

  /** A machine to be, with more `words` on its kernel's command line. */
  async spec(disk: readonly string[], words = ''): Promise<MachineSpec> {
    const { directory: location, kernel, initrd, firmware, manifest } = await findGuest()
    const guest = { location, kernel, initrd, firmware, commandLine: `${manifest.commandLine} ${words}`.trimEnd() }
    return { boxId: newLayerId(), store: this.store, disk, cpus: 1, memoryMib: 128, guest, detach: false }
  }

  async remove(): Promise<void> {
    await this.store.close()
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Speaks to the agent of a machine. */
export async function speak(machine: Machine): Promise<AgentSession> {
  const { channel, fresh } = await machine.openAgent()
  return AgentSession.open(channel, { fresh, nonce: randomBytes(16), timeoutMs: BOOT_MS })
}

/** Runs a script in the guest, which has to succeed; what it said, trimmed. */
export async function sh(session: AgentSession, script: string): Promise<string> {
  const { stdout } = await startExec(async () => session, 'sh', ['-c', script]).orThrow()
  return stdout.trim()
}
