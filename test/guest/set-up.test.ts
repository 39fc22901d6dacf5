// What the set-up of machines, which the demo makes in the background, does to a machine that has none of its tools.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('../../scripts/set-up.mjs', import.meta.url))
const install = '-o DPkg::Lock::Timeout=600 install -y --no-install-recommends qemu-system-x86 bubblewrap'

let folder = ''
beforeEach((context) => {
  if (process.platform === 'win32') context.skip('Windows has no such programs')
  folder = mkdtempSync(join(tmpdir(), 'boxlite-set-up-'))
})
afterEach(() => {
  if (folder !== '') rmSync(folder, { recursive: true })
})

describe('the set-up of machines', () => {
  it('installs what boxes run on without a question, or says what to type; and no browser', () => {
    const bin = join(folder, 'bin')
    const noted = join(folder, 'noted')
    mkdirSync(bin)
    writeFileSync(join(bin, 'apt-get'), `#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >>'${noted}'\n`, { mode: 0o755 })
    const env = { PATH: bin, HOME: folder, BOXLITE_GUEST_CACHE: join(folder, 'cache') }
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--machines'], { env, encoding: 'utf8' })
    expect(status).toBe(0)
    const done = existsSync(noted) ? readFileSync(noted, 'utf8').trim().split('\n') : []
    const isRoot = process.getuid!() === 0
    expect(done).toEqual(isRoot ? ['noninteractive -o DPkg::Lock::Timeout=600 update -q', `noninteractive -q ${install}`] : [])
    if (!isRoot) expect(stdout).toContain(`Type: sudo sh -c 'apt-get update && apt-get ${install}'`)
    expect(stdout + stderr).not.toMatch(/chromium/i)
    // What could not be had is told, and no more than told.
    expect(stdout).toMatch(/this machine has no apt-cache; install the one that was built elsewhere/)
    expect(stderr).toMatch(/going on without a guest/)
  })
})
