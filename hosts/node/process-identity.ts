// Who a process is, so that it is told from every other one that has or had its number.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { isBoxLiteError } from '../../src/error.ts'
import type { MachineRecord } from '../../src/operation/record.ts'
import { fileCall } from './file-call.ts'

export type ProcessIdentity = Pick<MachineRecord, 'pid' | 'startTime' | 'bootId'>

/** The identity of a process; null when there is none of this number. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  const startTime = await (process.platform === 'linux' ? linuxStartTime(pid) : otherStartTime(pid))
  return startTime === null ? null : { pid, startTime, bootId: await bootId() }
}

/** In clock ticks since the boot: proc_pid_stat(5), field 22. The second, a name, may hold anything, blanks and brackets too. */
async function linuxStartTime(pid: number): Promise<string | null> {
  const path = `/proc/${pid}/stat`
  try {
    const stat = await fileCall('read', path, readFile(path, 'utf8'))
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return null
    throw error
  }
}

/** As `ps` writes it, to the second. */
async function otherStartTime(pid: number): Promise<string | null> {
  // Windows has no ps; of others than itself nothing is asked there.
  if (process.platform === 'win32') return pid === process.pid ? String(Math.round(performance.timeOrigin)) : null
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], { env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' } })
    return stdout.trim()
  } catch (error) {
    // It found no such process, and said nothing.
    if ((error as { code?: unknown }).code === 1) return null
    throw error
  }
}

let boot: Promise<string> | null = null

/** Which boot of this machine it is. */
function bootId(): Promise<string> {
  boot ??= readBootId()
  return boot
}

async function readBootId(): Promise<string> {
  if (process.platform === 'linux') return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  if (process.platform === 'win32') return ''
  return (await promisify(execFile)('sysctl', ['-n', 'kern.boottime'], { env: { PATH: '/usr/sbin:/sbin' } })).stdout.trim()
}
