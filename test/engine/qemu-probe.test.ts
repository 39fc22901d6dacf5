// What the engine finds out about QEMU, with programs that stand in for it, and with the real one.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { candidates } from '../../hosts/node/qemu/probe.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { GuestHome, noGuestFiles } from './disk-guest.ts'

const versionLine = '[ "$1" = --version ] && { echo "QEMU emulator version 8.1.3 (Nixpkgs)"; exit 0; }'
/** What the ROM makes QEMU say and do. */
const works = 'printf be; exit 67'

describe('the probe', () => {
  let directory: string
  let cacheFile: string

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'boxlite-probe-test-'))
    cacheFile = join(directory, 'cache', 'qemu.json')
  })

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true })
  })

  /** A QEMU that does what `script` says. Each run leaves a line of its arguments in the file `runs`. */
  const program = async (script: string): Promise<string> => {
    const path = join(directory, 'qemu')
    await writeFile(path, `#!/bin/sh\n${versionLine}\necho "$*" >>'${join(directory, 'runs')}'\n${script}\n`)
    await chmod(path, 0o755)
    return path
  }
  const runs = async (): Promise<string[]> => {
    try {
      return (await readFile(join(directory, 'runs'), 'utf8')).trim().split('\n')
    } catch {
      return []
    }
  }

  it('tries on each host what it may have, the best first', () => {
    expect(candidates('linux', 'x64')).toEqual(['kvm', 'tcg'])
    expect(candidates('darwin', 'x64')).toEqual(['hvf', 'tcg'])
    expect(candidates('darwin', 'arm64')).toEqual(['tcg'])
    expect(candidates('linux', 'arm64')).toEqual(['tcg'])
    expect(candidates('freebsd', 'x64')).toEqual(['tcg'])
  })

  it('says what to type where there is no QEMU', async () => {
    const engine = new QemuEngine({ cacheFile, program: join(directory, 'absent') })
    const status = await engine.probe()
    expect(status).toMatchObject({ accelerator: null, version: null })
    expect(status.refused).toEqual([
      { engine: 'qemu', accelerator: null, reason: 'There is no QEMU on this machine.', remedy: expect.stringMatching(/^Type: .*qemu/) },
    ])
    const place = await GuestHome.make()
    try {
      const error = await engine.prepare(place.spec([place.base], noGuestFiles)).catch((cause: unknown) => cause)
      expect(isBoxLiteError(error, 'engine_unavailable') && error.remedy).toMatch(/^Type: /)
    } finally {
      await place.remove()
    }
  })

  it('takes the first accelerator that runs the ROM, with the machine type of this QEMU', async () => {
    const status = await new QemuEngine({ cacheFile, program: await program(works) }).probe()
    expect(status.version).toBe('8.1.3')
    expect(status.accelerator).not.toBeNull()
    expect((await runs())[0]).toContain('-machine pc-i440fx-8.1,')
    expect(await runs()).toHaveLength(1)
  })

  it('turns down what does not run it, each with its reason', async () => {
    const script = 'case "$*" in *"-accel tcg"*) printf be; exit 67;; esac; echo "warning: x" >&2; echo "qemu: no such MSR" >&2; kill -ABRT $$'
    const { accelerator, refused } = await new QemuEngine({ cacheFile, program: await program(script) }).probe()
    expect(accelerator).toBe('tcg')
    for (const { accelerator: worse, reason } of refused) {
      expect(worse).not.toBe('tcg')
      expect(reason).toMatch(/no such MSR|\/dev\/kvm/)
    }
  })

  it.each([
    ['says nothing and ends well', 'exit 0'],
    ['ends well in the middle', 'printf b; exit 67'],
    ['ends with another code', 'printf be; exit 1'],
    ['cannot be run', 'exec /not/there'],
  ])('does not take a QEMU that %s', async (_what, script) => {
    const { accelerator, refused } = await new QemuEngine({ cacheFile, program: await program(script) }).probe()
    expect(accelerator).toBeNull()
    expect(refused.at(-1)).toMatchObject({ engine: 'qemu', accelerator: 'tcg', reason: expect.stringMatching(/^QEMU ended with exit code \d+/) })
  })

  it('ends one that never comes through the loop, and says that it is too slow', async () => {
    const script = 'case "$*" in *"-accel tcg"*) printf be; exit 67;; esac; printf b; exec sleep 600'
    const { accelerator, refused } = await new QemuEngine({ cacheFile, program: await program(script) }).probe()
    expect(accelerator).toBe('tcg')
    for (const { reason } of refused) expect(reason).toMatch(/far too slowly|\/dev\/kvm/)
  })

  it('does without the filter of system calls where QEMU has none', async () => {
    const script = `case "$*" in *-sandbox*) echo "qemu: -sandbox: There is no option group 'sandbox'" >&2; exit 1;; esac; ${works}`
    const { accelerator, protections } = await new QemuEngine({ cacheFile, program: await program(script) }).probe()
    expect(accelerator).not.toBeNull()
    expect(protections.find(({ name }) => name === 'system-call-filter')).toMatchObject({ active: false })
    expect((await runs()).at(-1)).not.toContain('-sandbox')
  })

  it('remembers, until QEMU is another one', async () => {
    const path = await program(works)
    const first = await new QemuEngine({ cacheFile, program: path }).probe()
    expect(await new QemuEngine({ cacheFile, program: path }).probe()).toEqual(first)
    expect(await runs()).toHaveLength(1)
    await program(`${works} # newer`)
    await new QemuEngine({ cacheFile, program: path }).probe()
    expect(await runs()).toHaveLength(2)
  })

  it.each(['', 'null', '{', '[]', '{"version":1}', '{"version":1,"key":"","value":{"verdicts":[{"accelerator":"jit"}]}}', '\0'.repeat(4096)])(
    'probes again where the cache holds %j',
    async (garbage) => {
      const path = await program(works)
      const { accelerator } = await new QemuEngine({ cacheFile, program: path }).probe()
      const good = JSON.parse(await readFile(cacheFile, 'utf8')) as { key: string }
      // The right key above a wrong value has to be seen through as well.
      await writeFile(cacheFile, garbage.replace('"key":""', `"key":${JSON.stringify(good.key)}`))
      expect((await new QemuEngine({ cacheFile, program: path }).probe()).accelerator).toBe(accelerator)
      expect(await runs()).toHaveLength(2)
    },
  )

  it('tries again each time while nothing works', async () => {
    const path = await program('exit 1')
    expect((await new QemuEngine({ cacheFile, program: path }).probe()).accelerator).toBeNull()
    const once = (await runs()).length
    expect((await new QemuEngine({ cacheFile, program: path }).probe()).accelerator).toBeNull()
    expect(await runs()).toHaveLength(2 * once)
  })

  it('does without a cache that cannot be written', async () => {
    await writeFile(join(directory, 'cache'), 'a file')
    expect((await new QemuEngine({ cacheFile, program: await program(works) }).probe()).accelerator).not.toBeNull()
  })

  it('finds that TCG works, with the real QEMU', async (context) => {
    const status = await new QemuEngine({ cacheFile }).probe()
    if (status.version === null) return context.skip(status.refused[0]!.reason)
    expect(status.accelerator).not.toBeNull()
    expect(status.refused.map(({ accelerator }) => accelerator)).not.toContain('tcg')
    expect(status.capabilities).toMatchObject({ detach: true, liveSnapshot: true })
  })
})
