// Who a process is, so that it is told from every other one that has or had its number.

import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { MachineRecord } from '../../src/operation/record.ts'
import { asFileError } from './file-call.ts'

/** `startTime` is in the host's own unit: clock ticks since the boot on Linux, a date elsewhere. */
export type ProcessIdentity = Pick<MachineRecord, 'pid' | 'startTime' | 'bootId'>

const run = promisify(execFile)
const COMMAND_TIMEOUT_MS = 5000

/** The identity of a process that lives; null when none has this number, or it has ended and only waits to be forgotten. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  // Not every number that a record may hold is one of a process.
  if (!Number.isSafeInteger(pid) || pid < 1) return null
  const startTime = await (process.platform === 'linux' ? linuxStartTime(pid) : otherStartTime(pid))
  return startTime === null ? null : { pid, startTime, bootId: await bootId() }
}

/** Whether this very process lives. False is proof of its end: its files are closed. */
export async function isAlive({ pid, startTime, bootId: boot }: ProcessIdentity): Promise<boolean> {
  return boot === (await bootId()) && startTime === (await identifyProcess(pid))?.startTime
}

/** In clock ticks since the boot: proc_pid_stat(5), field 22. The second, a name, may hold anything, blanks and brackets too. */
async function linuxStartTime(pid: number): Promise<string | null> {
  const path = `/proc/${pid}/stat`
  try {
    const stat = await readFile(path, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie has closed its files, unless other threads of it still run.
    if (fields[0] === 'Z' && (await readdir(`/proc/${pid}/task`)).length <= 1) return null
    return fields[19]!
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // ESRCH: it ended between the opening of the file and the reading.
    if (code === 'ENOENT' || code === 'ESRCH') return null
    throw asFileError(error, 'read', path)
  }
}

/** As `ps` writes it, to the second. */
async function otherStartTime(pid: number): Promise<string | null> {
  // Windows has no ps; of others than itself nothing is asked there.
  if (process.platform === 'win32') return pid === process.pid ? String(Math.round(performance.timeOrigin)) : null
  try {
    const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' }
    const { stdout } = await run('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { env, timeout: COMMAND_TIMEOUT_MS })
    const [state, startTime] = stdout.trim().split(/\s+(.*)/)
    return state === undefined || startTime === undefined || state.startsWith('Z') ? null : startTime
  } catch (error) {
    // It found no such process, and said nothing.
    if ((error as { code?: unknown }).code === 1) return null
    throw error
  }
}

let boot: Promise<string> | null = null

/** Which boot of this machine it is. */
export function bootId(): Promise<string> {
  boot ??= readBootId()
  return boot
}

async function readBootId(): Promise<string> {
  if (process.platform === 'linux') return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  if (process.platform === 'win32') return ''
  return (await run('sysctl', ['-n', 'kern.bootsessionuuid'], { env: { PATH: '/usr/sbin:/sbin' }, timeout: COMMAND_TIMEOUT_MS })).stdout.trim()
}
