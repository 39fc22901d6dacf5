// Everything about QEMU on this machine that a machine's start depends on.

import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { EngineProtection, EngineRefusal } from '../../../src/engine.ts'
import { fileCall } from '../file-call.ts'
import { bootId } from '../process-identity.ts'
import type { QemuAccelerator, QemuTraits } from './arguments.ts'
import { findProgram } from './find-program.ts'
import { cached } from './probe-cache.ts'
import { candidates, obstacle, runProbe, type Verdict } from './probe.ts'
import { probeRomBase64 } from './probe-rom.ts'

/** A QEMU that was tried. */
export interface Survey {
  readonly program: string
  /** As QEMU says it. */
  readonly version: string
  /** Of the accelerator that works, or null where none does. */
  readonly traits: QemuTraits | null
  readonly refused: readonly EngineRefusal[]
  /** Path of a `setpriv` that works here, or null. */
  readonly setpriv: string | null
  /** Path of a `bwrap` in which QEMU works here, or null. */
  readonly bubblewrap: string | null
}

/** What is found by running programs, and kept. */
interface Findings {
  readonly version: string
  readonly seccomp: boolean
  readonly setpriv: boolean
  readonly bubblewrap: boolean
  readonly verdicts: readonly Verdict[]
}

const run = promisify(execFile)
const RUN_TIMEOUT_MS = 10_000
// The program for 32-bit guests translates them some 10 % faster than the other, which can run them as well.
const programNames = ['qemu-system-i386', 'qemu-system-x86_64']

/**
 * Looks, tries, and says what it found; null where there is no QEMU. `cacheFile` keeps what was found by running programs;
 * `named` is the one to take, else `BOXLITE_QEMU` names it, else it is searched for.
 */
export async function survey(cacheFile: string, named: string | undefined = process.env['BOXLITE_QEMU'] || undefined): Promise<Survey | null> {
  const program = await findProgram(named === undefined ? programNames : [named])
  if (program === null) return null
  const refused: EngineRefusal[] = []
  const tried: QemuAccelerator[] = []
  for (const accelerator of candidates(process.platform, process.arch)) {
    const reason = await obstacle(accelerator)
    if (reason === null) tried.push(accelerator)
    else refused.push(reason)
  }
  const setpriv = await findProgram(['setpriv'])
  const bubblewrap = await findProgram(['bwrap'])
  const { mtimeMs, size } = await fileCall('look at', program, stat(program))
  const key = JSON.stringify([await bootId(), program, mtimeMs, size, process.getuid?.(), setpriv, bubblewrap, tried, probeRomBase64.length])
  const findings = await cached(cacheFile, key, judge, () => find(program, tried, setpriv, bubblewrap))
  for (const { accelerator, refusal } of findings.verdicts) {
    if (refusal !== null) refused.push({ engine: 'qemu', accelerator, reason: refusal, remedy: remedyFor(accelerator) })
  }
  const works = findings.verdicts.find(({ refusal }) => refusal === null)
  return {
    program,
    version: findings.version,
    traits: works === undefined ? null : traitsOf(works.accelerator, findings),
    refused,
    setpriv: findings.setpriv ? setpriv : null,
    bubblewrap: findings.bubblewrap ? bubblewrap : null,
  }
}

/** What guards the host, given what was found. */
export function protectionsOf({ traits, setpriv, bubblewrap }: Survey): EngineProtection[] {
  return [
    { name: 'no-network', active: true, detail: 'The machine has no network device.' },
    { name: 'resource-limits', active: true, detail: 'Its address space and open files are limited, and it writes no core file.' },
    traits?.seccomp === true
      ? { name: 'system-call-filter', active: true, detail: 'QEMU filters its own system calls (-sandbox).' }
      : { name: 'system-call-filter', active: false, detail: 'This QEMU cannot filter its own system calls.' },
    setpriv === null
      ? { name: 'no-new-privileges', active: false, detail: 'There is no setpriv here that works (package util-linux).' }
      : { name: 'no-new-privileges', active: true, detail: 'It can gain no privileges (setpriv).' },
    bubblewrap === null
      ? { name: 'private-file-system', active: false, detail: 'There is no bubblewrap here that works (package bubblewrap).' }
      : { name: 'private-file-system', active: true, detail: 'It sees the system, the guest and its own disk, and no other (bubblewrap).' },
    {
      name: 'ends-with-owner',
      active: true,
      detail: (setpriv ?? bubblewrap) === null ? 'A shell that waits for the end of its owner ends it.' : 'The kernel ends it with its owner.',
    },
  ]
}

async function find(
  program: string,
  accelerators: readonly QemuAccelerator[],
  setpriv: string | null,
  bubblewrap: string | null,
): Promise<Findings> {
  const version = await versionOf(program)
  let seccomp = process.platform === 'linux'
  const verdicts: Verdict[] = []
  for (const accelerator of accelerators) {
    let verdict = await runProbe(program, traitsOf(accelerator, { version, seccomp }))
    if (seccomp && /sandbox|seccomp/i.test(verdict.refusal ?? '')) {
      seccomp = false
      verdict = await runProbe(program, traitsOf(accelerator, { version, seccomp }))
    }
    verdicts.push(verdict)
    if (verdict.refusal === null) break
  }
  const works = verdicts.find(({ refusal }) => refusal === null)
  const enclosed =
    works === undefined || bubblewrap === null ? null : await runProbe(program, traitsOf(works.accelerator, { version, seccomp }), bubblewrap)
  return {
    version,
    seccomp,
    verdicts,
    setpriv: setpriv !== null && (await setprivWorks(setpriv)),
    bubblewrap: enclosed !== null && enclosed.refusal === null,
  }
}

function traitsOf(accelerator: QemuAccelerator, { version, seccomp }: { version: string; seccomp: boolean }): QemuTraits {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return { architecture: 'x86', accelerator, version: { major, minor }, seccomp }
}

/** `QEMU emulator version 7.2.22 (Debian ...)`: '7.2.22'; '0.0' when it says nothing like it, and then the probe tells why. */
async function versionOf(program: string): Promise<string> {
  try {
    const { stdout } = await run(program, ['--version'], { env: {}, timeout: RUN_TIMEOUT_MS })
    return /version (\d+\.\d+(?:\.\d+)?)/.exec(stdout)?.[1] ?? '0.0'
  } catch {
    return '0.0'
  }
}

async function setprivWorks(setpriv: string): Promise<boolean> {
  try {
    await run(setpriv, ['--pdeathsig', 'KILL', '--no-new-privs', '/bin/sh', '-c', ':'], { env: {}, timeout: RUN_TIMEOUT_MS })
    return true
  } catch {
    // One that is too old for these options, or may not be used here.
    return false
  }
}

// Where nothing works the next program tries again: it may have been a bad moment, and that must not last until the next boot.
const judge = {
  isValue: isFindings,
  isWorthKeeping: ({ verdicts }: Findings): boolean => verdicts.some(({ refusal }) => refusal === null),
}

function remedyFor(accelerator: QemuAccelerator): string | null {
  if (accelerator === 'kvm') return 'Run on a machine whose own processor or nested virtualization does the work.'
  return accelerator === 'hvf' ? 'See whether `sysctl -n kern.hv_support` says 1, and whether QEMU is signed for the hypervisor.' : null
}

function isFindings(value: unknown): value is Findings {
  if (typeof value !== 'object' || value === null) return false
  const { version, seccomp, setpriv, bubblewrap, verdicts } = value as Partial<Findings>
  const isShaped = typeof version === 'string' && [seccomp, setpriv, bubblewrap].every((one) => typeof one === 'boolean')
  return isShaped && Array.isArray(verdicts) && verdicts.every(isVerdict)
}

function isVerdict(value: unknown): value is Verdict {
  if (typeof value !== 'object' || value === null) return false
  const { accelerator, refusal, loopMs } = value as Partial<Verdict>
  return (
    (accelerator === 'kvm' || accelerator === 'hvf' || accelerator === 'tcg') &&
    (refusal === null || typeof refusal === 'string') &&
    (loopMs === null || typeof loopMs === 'number')
  )
}
