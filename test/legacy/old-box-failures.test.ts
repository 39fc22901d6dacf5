import { describe, expect, it } from 'vitest'
import { Core } from '../../src/core/core.ts'
import { BoxLiteError } from '../../src/error.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { recoverOldBox, type OldRecovery } from '../../src/legacy/recover-old-box.ts'
import { OldHome } from './old-home.ts'

const core = await Core.create()
const LIVE = 'disks/disk.qcow2'
const MARKER = '.snapshot_pending'

const recover = (home: OldHome, files: OldFiles = home.files): Promise<OldRecovery> => recoverOldBox(core, files, home.box)

/** Calls that change or read something, each of which can be made to fail. */
const looks = ['kind', 'readFile', 'readHead', 'list', 'modifiedMs', 'identity'] as const
const calls = [...looks, 'link', 'rename', 'unlink', 'removeDirectory', 'syncDirectory'] as const

/** The same files, where call number `failing` fails, before or after it took place. */
function failingFiles(files: OldFiles, failing: number, after: boolean): { files: OldFiles; count: () => number; failed: () => string } {
  let count = 0
  let failed = ''
  const wrapped = new Proxy(files, {
    get(target, name) {
      const call = Reflect.get(target, name, target) as unknown
      if (typeof call !== 'function') return call
      const made = call.bind(target) as (...parameters: unknown[]) => Promise<unknown>
      if (!calls.includes(name as (typeof calls)[number])) return made
      return async (...parameters: unknown[]): Promise<unknown> => {
        if (count++ !== failing) return made(...parameters)
        failed = String(name)
        if (after) await made(...parameters)
        throw new BoxLiteError('io', 'the device failed')
      }
    },
  })
  return { files: wrapped, count: () => count, failed: () => failed }
}

describe('a failure at any effect', () => {
  const scenes: Record<string, (home: OldHome) => void> = {
    'the disk goes back': (home) => {
      home.write(home.in('snapshots/s/disk.qcow2'), 'precious')
      home.markSnapshot('s')
    },
    'a base goes back': (home) => {
      home.write('bases/a.qcow2', 'precious')
      home.mark({ bases_dir: '/h/bases', container_disk: '/d' })
    },
    'an invalid marker': (home) => {
      home.write(home.in('snapshots/s/disk.qcow2'), 'precious')
      home.write(home.in(MARKER), 'x')
    },
    'nothing fits': (home) => {
      home.write(home.in(LIVE), 'precious')
      home.write(home.in('snapshots/s/disk.qcow2'), 'other')
      home.markSnapshot('s')
    },
  }

  it.each(Object.entries(scenes))('stops and keeps everything; run again, it ends as if nothing had happened (%s)', async (_, scene) => {
    await using reference = new OldHome()
    scene(reference)
    await recover(reference)
    for (const after of [false, true]) {
      for (let failing = 0, more = true; more; failing++) {
        await using home = new OldHome()
        scene(home)
        const faulty = failingFiles(home.files, failing, after)
        const outcome = await recover(home, faulty.files).catch((error: unknown) => error)
        more = faulty.count() > failing
        // A marker that cannot be read is the one thing that is decided without.
        if (more && faulty.failed() !== 'readFile') expect(outcome).toMatchObject({ code: 'io' })
        expect(Object.values(home.tree())).toContain('precious')
        await recover(home)
        expect(home.tree()[home.in(LIVE)]).toBe(reference.tree()[home.in(LIVE)])
        expect(home.tree()).not.toHaveProperty([home.in(MARKER)])
        const settled = home.tree()
        expect(await recover(home)).toMatchObject({ fate: 'none' })
        expect(home.tree()).toEqual(settled)
      }
    }
  })
})
