// What QEMU is worth on this machine, found by running the probe ROM under each accelerator: a device that opens may still
// make a machine that crawls, or none.

import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EngineRefusal } from '../../../src/engine.ts'
import { probeArguments, type QemuAccelerator, type QemuTraits } from './arguments.ts'
import { bubblewrapArguments } from './bubblewrap.ts'
import { probeRomBase64 } from './probe-rom.ts'

/** What one run of the ROM found. */
export interface Verdict {
  readonly accelerator: QemuAccelerator
  /** Null: it works. Otherwise one sentence. */
  readonly refusal: string | null
  /** Time from the loop's beginning to its end, where it came that far. */
  readonly loopMs: number | null
}

const ROM_BYTES = 64 * 1024
/** What isa-debug-exit makes of the ROM's last word. */
const EXIT_DONE = 67
const START_TIMEOUT_MS = 10_000
// 4 ms under TCG, less under a KVM that works, 5 to 9 s under one that emulates every instruction of ring 0.
const LOOP_TIMEOUT_MS = 1000
// TCG is only asked whether it works: on a busy host it may be slow, and there is nothing to fall back to.
const TCG_LOOP_TIMEOUT_MS = 20_000

/** The accelerators that a host may have for x86 guests, the best first. */
export function candidates(platform: string, architecture: string): QemuAccelerator[] {
  const native = architecture === 'x64' || architecture === 'ia32'
  if (native && platform === 'linux') return ['kvm', 'tcg']
  if (native && platform === 'darwin') return ['hvf', 'tcg']
  return ['tcg']
}

/** Why the accelerator cannot even be tried, as permissions and devices say it; null when it can. */
export async function obstacle(accelerator: QemuAccelerator): Promise<EngineRefusal | null> {
  if (accelerator !== 'kvm') return null
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK)
    return null
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return {
      engine: 'qemu',
      accelerator,
      reason: absent ? 'This machine has no /dev/kvm.' : '/dev/kvm may not be opened by this user.',
      remedy: absent
        ? 'Turn on virtualization in the firmware (in a cloud: nested virtualization), then: modprobe kvm_intel or kvm_amd'
        : 'Type: sudo usermod -aG kvm "$USER", then log in again.',
    }
  }
}

/**
 * Runs the ROM once, in the file system that `bubblewrap` makes where one is given. Never rejects for what the program does; a
 * temporary file that cannot be made does reject.
 */
export async function runProbe(program: string, traits: QemuTraits, bubblewrap: string | null = null): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'boxlite-probe-'))
  try {
    const rom = join(directory, 'probe.rom')
    const page = Buffer.from(probeRomBase64, 'base64')
    await writeFile(rom, Buffer.concat([Buffer.alloc(ROM_BYTES - page.length), page]))
    const enclosure = { program, readOnly: [directory], writable: [], directory, detach: false }
    const wrap = bubblewrap === null ? [] : [bubblewrap, ...bubblewrapArguments(enclosure), '--']
    return await watch([...wrap, program, ...probeArguments(traits, rom)], traits.accelerator)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function watch([program, ...args]: readonly string[], accelerator: QemuAccelerator): Promise<Verdict> {
  const loopTimeoutMs = accelerator === 'tcg' ? TCG_LOOP_TIMEOUT_MS : LOOP_TIMEOUT_MS
  const child = spawn(program!, args, { env: {}, stdio: ['ignore', 'pipe', 'pipe'] })
  let complaint = ''
  let overdue: string | null = null
  let began: number | null = null
  let loopMs: number | null = null
  const limit = (ms: number, why: string): NodeJS.Timeout =>
    setTimeout(() => {
      overdue = why
      child.kill('SIGKILL')
    }, ms)
  let timer = limit(START_TIMEOUT_MS, `No instruction was executed in ${START_TIMEOUT_MS / 1000} s.`)
  child.stdout.on('data', (said: Buffer) => {
    if (began === null && said.includes('b')) {
      began = performance.now()
      clearTimeout(timer)
      timer = limit(loopTimeoutMs, `Code of the guest's kernel runs far too slowly: this ${accelerator.toUpperCase()} emulates it.`)
    }
    if (began !== null && said.includes('e')) loopMs = performance.now() - began
  })
  child.stderr.on('data', (said: Buffer) => {
    complaint = (complaint + said.toString('utf8')).slice(-4096)
  })
  return new Promise((resolve) => {
    child.once('error', (error) => {
      clearTimeout(timer)
      resolve({ accelerator, refusal: `QEMU cannot be run: ${error.message}`, loopMs: null })
    })
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      const ended = `QEMU ended with ${signal ?? `exit code ${code}`}`
      // What it complained of first is the cause; an assertion that fails after that is not.
      const cause = complaint.split('\n').find((line) => line.trim() !== '' && !line.includes('warning:'))
      const refusal = code === EXIT_DONE && loopMs !== null ? null : (overdue ?? (cause === undefined ? `${ended}.` : `${ended}: ${cause.trim()}`))
      resolve({ accelerator, refusal, loopMs })
    })
  })
}
