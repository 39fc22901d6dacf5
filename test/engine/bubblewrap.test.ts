// What QEMU sees inside bubblewrap: word by word, and from inside.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { bubblewrapArguments } from '../../hosts/node/qemu/bubblewrap.ts'
import { processExists } from '../../hosts/node/process-exists.ts'
import { findProgram } from '../../hosts/node/qemu/find-program.ts'
import { WaitingProcess } from '../../hosts/node/qemu/waiting-process.ts'
import { errorCode } from '../error-code.ts'

const run = promisify(execFile)

const enclosure = {
  program: '/usr/bin/qemu-system-i386',
  readOnly: ['/guest/bzImage', '/home/run/b/frozen'],
  writable: ['/home/run/b'],
  directory: '/home/run/b',
  detach: false,
}

describe("bubblewrap's options", () => {
  it('take everything away, and give the system, the guest and the box', () => {
    const words = bubblewrapArguments(enclosure)
    expect(words.slice(0, 5)).toEqual(['--unshare-all', '--as-pid-1', '--cap-drop', 'ALL', '--die-with-parent'])
    const box = '--bind /home/run/b /home/run/b --ro-bind /guest/bzImage /guest/bzImage --ro-bind /home/run/b/frozen /home/run/b/frozen'
    expect(words.join(' ')).toContain(box)
    // Nothing else is writable, and nothing else of the user's is there.
    expect(words.filter((word) => word === '--bind')).toHaveLength(1)
    expect(words).not.toContain('/')
    expect(words).not.toContain('--share-net')
    expect(words.slice(-2)).toEqual(['--chdir', '/home/run/b'])
  })

  it('let a detached machine live on', () => {
    expect(bubblewrapArguments({ ...enclosure, detach: true })).not.toContain('--die-with-parent')
  })

  it('give a QEMU from elsewhere the folder that it was installed in', () => {
    expect(bubblewrapArguments({ ...enclosure, program: '/opt/qemu/bin/qemu-system-i386' }).join(' ')).toContain('--ro-bind /opt/qemu /opt/qemu')
  })

  it('hide the files of the user, inside', async (context) => {
    const bubblewrap = await findProgram(['bwrap'])
    if (bubblewrap === null) return context.skip('there is no bubblewrap on this machine')
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'boxlite-bubble-')))
    try {
      await writeFile(join(directory, 'seen'), 'seen')
      await writeFile(join(directory, 'hidden'), 'hidden')
      const options = bubblewrapArguments({ ...enclosure, readOnly: [join(directory, 'seen')], writable: [], directory: '/' })
      const look = `cat '${directory}/seen'; cat '${directory}/hidden'; ls /proc | grep -c '^[0-9]'; echo no >'${directory}/seen'; true`
      const { stdout } = await run(bubblewrap, [...options, '--', '/bin/sh', '-c', look], { env: {} })
      // The shell and two more of its own, and no other process.
      expect(stdout).toMatch(/^seen[1-3]\n$/)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('that never says what it started is ended, and told', async (context) => {
    if (process.platform === 'win32') return context.skip('Windows has no such programs')
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'boxlite-bubble-')))
    try {
      const bubblewrap = join(directory, 'bwrap')
      await writeFile(bubblewrap, '#!/bin/sh\necho $$ >"$0.pid.tmp"; mv "$0.pid.tmp" "$0.pid"; exec sleep 1000\n', { mode: 0o700 })
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const started = WaitingProcess.start({
        ...{ program: '/bin/true', args: [], directory, detach: true, setpriv: null, addressSpaceBytes: 2 ** 30 },
        enclosure: { ...enclosure, bubblewrap, directory, readOnly: [], writable: [] },
      })
      const refused = errorCode(started)
      const pid = Number(await vi.waitFor(() => readFile(`${bubblewrap}.pid`, 'utf8'), { timeout: 600_000 }))
      await vi.advanceTimersByTimeAsync(60_000)
      expect(await refused).toBe('timeout')
      await vi.waitFor(() => expect(processExists(pid)).toBe(false), { timeout: 600_000 })
    } finally {
      vi.useRealTimers()
      await rm(directory, { recursive: true, force: true })
    }
  })
})
