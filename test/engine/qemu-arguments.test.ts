// QEMU's command line, word by word, for every accelerator; and the block nodes in it.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { probeArguments, qemuArguments, type QemuTraits } from '../../hosts/node/qemu/arguments.ts'
import { chainNodes, layerOfNode, nodeName } from '../../hosts/node/qemu/block-nodes.ts'
import { isBoxLiteError } from '../../src/error.ts'

const top = `${'1'.repeat(32)}.qcow2`
const base = `${'f'.repeat(32)}.raw`
const topNode = 'q10dgnsxljkws1v3zd3tzz4b9t'
const baseNode = 'rf5lxx1zz5pnorynqglhzmsp33'

const options = {
  name: 'qemu-00',
  cpus: 2,
  memoryMib: 256,
  kernel: '/guest/bzImage',
  initrd: '/guest/initrd.cpio',
  commandLine: 'console=ttyS0 quiet',
  disk: [top, base],
  socketDirectory: '../run/b',
  agentPorts: 1,
}

const traits = (more: Partial<QemuTraits>): QemuTraits => ({
  architecture: 'x86',
  accelerator: 'tcg',
  version: { major: 7, minor: 2 },
  seccomp: true,
  ...more,
})

const nothing = ['-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-nic', 'none', '-no-reboot']
const sandbox = ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny']
const pc = ['-machine', 'pc-i440fx-7.2,acpi=off,usb=off,vmport=off,dump-guest-core=off']
const machine = [
  ...['-S', '-name', 'qemu-00', '-smp', '2', '-m', '256'],
  ...['-kernel', '/guest/bzImage', '-initrd', '/guest/initrd.cpio', '-append', 'console=ttyS0 quiet'],
  ...['-chardev', 'socket,id=qmp,path=../run/b/qmp.sock,server=on,wait=off', '-mon', 'chardev=qmp,mode=control'],
  ...['-chardev', 'socket,id=console,path=../run/b/console.sock,server=on,wait=off', '-serial', 'chardev:console'],
  '-blockdev',
  `{"driver":"raw","node-name":"${baseNode}","read-only":true,"file":{"driver":"file","node-name":"f${baseNode}","filename":"${base}"}}`,
  '-blockdev',
  `{"driver":"qcow2","node-name":"${topNode}","backing":"${baseNode}","discard":"unmap","detect-zeroes":"unmap",` +
    `"file":{"driver":"file","node-name":"f${topNode}","filename":"${top}"}}`,
  ...['-device', `virtio-blk-pci,id=disk0,drive=${topNode},werror=report,rerror=report`],
  ...['-device', 'virtio-serial-pci,max_ports=2'],
  ...['-chardev', 'socket,id=agent0,path=../run/b/agent.0.sock,server=on,wait=off'],
  ...['-device', 'virtserialport,nr=1,chardev=agent0,name=org.boxlite.agent.0'],
  ...['-object', 'rng-builtin,id=entropy', '-device', 'virtio-rng-pci,rng=entropy'],
]

describe("QEMU's command line", () => {
  it('is this one under TCG', () => {
    const accelerator = ['-accel', 'tcg,thread=multi,tb-size=128', '-cpu', 'max']
    expect(qemuArguments(traits({}), options)).toEqual([...nothing, ...sandbox, ...pc, ...accelerator, ...machine])
  })

  it('is this one under KVM', () => {
    const accelerator = ['-accel', 'kvm', '-cpu', 'host']
    expect(qemuArguments(traits({ accelerator: 'kvm' }), options)).toEqual([...nothing, ...sandbox, ...pc, ...accelerator, ...machine])
  })

  it('is this one under HVF, whose host cannot filter system calls', () => {
    const accelerator = ['-accel', 'hvf', '-cpu', 'host']
    expect(qemuArguments(traits({ accelerator: 'hvf', seccomp: false }), options)).toEqual([...nothing, ...pc, ...accelerator, ...machine])
  })

  it('is this one for an arm64 guest under HVF', () => {
    const virt = ['-machine', 'virt-9.1,gic-version=3,dump-guest-core=off', '-accel', 'hvf', '-cpu', 'host']
    const host = traits({ architecture: 'arm64', accelerator: 'hvf', seccomp: false, version: { major: 9, minor: 1 } })
    expect(qemuArguments(host, options)).toEqual([...nothing, ...virt, ...machine])
  })

  it('gives a machine that others may come to a port for each of them', () => {
    const args = qemuArguments(traits({}), { ...options, agentPorts: 4 })
    const from = args.indexOf('virtio-serial-pci,max_ports=5')
    expect(args.slice(from + 1, from + 17)).toEqual(
      [0, 1, 2, 3].flatMap((port) => [
        ...['-chardev', `socket,id=agent${port},path=../run/b/agent.${port}.sock,server=on,wait=off`],
        ...['-device', `virtserialport,nr=${port + 1},chardev=agent${port},name=org.boxlite.agent.${port}`],
      ]),
    )
    expect(args[from + 17]).toBe('-object')
  })

  it('gives the probe the same computer and the same sandbox', () => {
    const accelerator = ['-accel', 'kvm', '-cpu', 'host']
    const probe = ['-m', '16', '-bios', 'probe.rom', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', '-serial', 'stdio']
    expect(probeArguments(traits({ accelerator: 'kvm' }), 'probe.rom')).toEqual([...nothing, ...sandbox, ...pc, ...accelerator, ...probe])
  })

  it('gives no machine a network, and no machine two accelerators', () => {
    for (const accelerator of ['kvm', 'hvf', 'tcg'] as const) {
      const args = qemuArguments(traits({ accelerator }), options)
      expect(args.join(' ')).not.toMatch(/netdev|hostfwd|slirp|user,/)
      expect(args.filter((word) => word === '-accel')).toHaveLength(1)
    }
  })
})

describe('the block nodes', () => {
  const layers = fc.tuple(fc.stringMatching(/^[0-9a-f]{32}$/), fc.constantFrom('qcow2', 'raw')).map(([id, format]) => `${id}.${format}`)

  it('have names that say their layer, within 31 characters', () => {
    fc.assert(
      fc.property(layers, (layer) => {
        const name = nodeName(layer)
        expect(`f${name}`).toMatch(/^[a-z][a-z0-9]{0,30}$/)
        expect(layerOfNode(name)).toBe(layer)
      }),
    )
  })

  it.each(['', 'disk0', `f${nodeName(top)}`, 'qzzzzzzzzzzzzzzzzzzzzzzzzz', '#block123'])('have no other names: %j', (name) => {
    expect(layerOfNode(name)).toBeNull()
  })

  it('stand one by one, the base first, and only the top is written', () => {
    const middle = `${'5'.repeat(32)}.qcow2`
    const nodes = chainNodes([top, middle, base])
    const file = (layer: string): object => ({ driver: 'file', 'node-name': `f${nodeName(layer)}`, filename: layer })
    expect(nodes).toEqual([
      { driver: 'raw', 'node-name': nodeName(base), 'read-only': true, file: file(base) },
      { driver: 'qcow2', 'node-name': nodeName(middle), backing: nodeName(base), 'read-only': true, file: file(middle) },
      { driver: 'qcow2', 'node-name': nodeName(top), backing: nodeName(middle), discard: 'unmap', 'detect-zeroes': 'unmap', file: file(top) },
    ])
    // Told to stand on nothing: QEMU follows no name in a base's header.
    expect(chainNodes([top])[0]).toMatchObject({ driver: 'qcow2', backing: null })
  })

  it('refuse what is no chain of layers', () => {
    const refusal = (disk: readonly string[]): unknown => {
      try {
        chainNodes(disk)
        return null
      } catch (error) {
        return isBoxLiteError(error) ? error.code : error
      }
    }
    expect(refusal([])).toBe('invalid_argument')
    expect(refusal([top, '../../etc/passwd'])).toBe('invalid_argument')
    expect(refusal(['x,driver=raw.qcow2'])).toBe('invalid_argument')
    expect(refusal([base, top])).toBe('invalid_argument')
    expect(refusal(Array.from({ length: 1001 }, () => top))).toBe('limit')
  })
})
