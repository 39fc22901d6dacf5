// The names of v86 that are used, on the version that is installed.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { createEmulator, type Emulator, missingNames } from '../../hosts/v86/emulator.ts'
import { V86_VERSION } from '../../hosts/v86/emulator-version.ts'
import { smokeRom } from '../../hosts/v86/smoke-rom.ts'

const require = createRequire(import.meta.url)

async function newEmulator(): Promise<Emulator> {
  const module = await WebAssembly.compile(readFileSync(require.resolve('v86/build/v86.wasm')))
  return createEmulator({
    wasm_fn: async (imports) => (await WebAssembly.instantiate(module, imports as WebAssembly.Imports)).exports,
    bios: { buffer: smokeRom() },
    memory_size: 2 ** 20,
    vga_memory_size: 2 ** 20,
    net_device: { type: 'virtio' },
    virtio_console: true,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
    autostart: false,
  })
}

describe('the package v86', () => {
  it('is of the version that package.json pins', () => {
    const { version } = JSON.parse(readFileSync(require.resolve('v86/package.json'), 'utf8')) as { version: string }
    expect(version.split('+')[0]).toBe(V86_VERSION)
    const ours = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const { dependencies } = JSON.parse(ours) as { dependencies: Record<string, string> }
    expect(dependencies['v86']).toBe(V86_VERSION)
  })

  it('has every name that is used of it', async () => {
    expect(missingNames(await newEmulator())).toEqual([])
  })

  it('is told what it has not, name by name', async () => {
    const emulator = await newEmulator()
    const { cpu } = emulator.v86 as { cpu: unknown } as { cpu: Record<string, unknown> }
    cpu['jit_dirty_cache'] = undefined
    delete (emulator.v86.cpu.devices as Partial<Record<string, unknown>>)['virtio_net']
    expect(missingNames(emulator)).toEqual([
      'v86.cpu.jit_dirty_cache: function',
      'v86.cpu.devices.virtio_net.get_state: function',
      'v86.cpu.devices.virtio_net.set_state: function',
      'v86.cpu.devices.virtio_net.virtio.pci_id: number',
    ])
  })
})
