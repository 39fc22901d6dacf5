// QEMU's tools, the reference that our images and our readings of images are held against.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach } from 'vitest'
import { createNodeFileSystem } from '../../hosts/node/fs.ts'
import type { LayerFile } from '../../src/host.ts'
import type { OpenMode } from '../../src/store/file-system.ts'

/** How a command ended. `exitCode` is null when it was killed for taking too long. */
export interface Outcome {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Of what a command says on standard error so much is kept, the end: qemu-img has a line for every bad entry of a table. */
const STDERR_KEPT = 64 * 1024

/** Runs a command to its end, at most `timeoutMs`. */
export function run(command: string, args: readonly string[], timeoutMs = 60_000): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)))
    child.once('error', reject)
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  })
}

/** Runs `qemu-img` and answers what it printed; any exit code but 0 is an error. */
export async function qemuImg(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await run('qemu-img', args)
  if (exitCode !== 0) throw new Error(`qemu-img ${args.join(' ')}: exit ${exitCode}: ${stderr}`)
  return stdout
}

/** Runs the commands of `qemu-io` on an image; a command that fails is an error. */
export async function qemuIo(image: string, format: string, commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return
  const { exitCode, stdout, stderr } = await run('qemu-io', ['-f', format, ...commands.flatMap((command) => ['-c', command]), image])
  if (exitCode !== 0 || /failed|error/i.test(stdout)) throw new Error(`qemu-io ${image} ${commands.join('; ')}: ${stdout}${stderr}`)
}

/** What `qemu-img check` says; null where it could not check. */
export interface QemuCheck {
  readonly exitCode: number | null
  readonly corruptions: number
  readonly leaks: number
  readonly checkErrors: number
  readonly totalClusters: number
  readonly allocatedClusters: number
  readonly compressedClusters: number
  readonly fragmentedClusters: number
  readonly imageEndOffset: number
}

/** Runs `qemu-img check`; null when it could not check the image. */
export async function qemuCheck(image: string): Promise<QemuCheck | null> {
  const { exitCode, stdout } = await run('qemu-img', ['check', '-f', 'qcow2', '--output=json', image])
  if (exitCode === null || !stdout.startsWith('{')) return null
  const json = JSON.parse(stdout) as Record<string, number | undefined>
  return {
    exitCode,
    corruptions: json['corruptions'] ?? 0,
    leaks: json['leaks'] ?? 0,
    checkErrors: json['check-errors'] ?? 0,
    totalClusters: json['total-clusters'] ?? 0,
    allocatedClusters: json['allocated-clusters'] ?? 0,
    compressedClusters: json['compressed-clusters'] ?? 0,
    fragmentedClusters: json['fragmented-clusters'] ?? 0,
    imageEndOffset: json['image-end-offset'] ?? 0,
  }
}

/** A directory for one test file, gone when it ends, and the files in it. */
export class Workplace {
  readonly directory: string
  readonly #opened: LayerFile[] = []

  private constructor(directory: string) {
    this.directory = directory
  }

  static async create(): Promise<Workplace> {
    const directory = await mkdtemp(join(tmpdir(), 'boxlite-qcow2-'))
    const place = new Workplace(directory)
    afterEach(() => place.closeAll())
    afterAll(() => rm(directory, { recursive: true, force: true }))
    return place
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Opens a file until the test ends. */
  async open(name: string, mode: OpenMode = 'read'): Promise<LayerFile> {
    const file = await createNodeFileSystem(this.directory).open(name, mode)
    this.#opened.push(file)
    return file
  }

  async closeAll(): Promise<void> {
    for (const file of this.#opened.splice(0)) await file.close()
  }
}
