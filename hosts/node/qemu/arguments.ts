// QEMU's command line, from nothing but what is given here.
//
// QEMU starts where the layers of its disk are, and all paths of the machine's own are relative to that: a home may be deep, and
// the path of a socket ends at 107 bytes.

import { agentPort, VISITOR_PORTS, type Accelerator } from '../../../src/engine.ts'
import { chainNodes, nodeName } from './block-nodes.ts'

/** The accelerators that QEMU has here. */
export type QemuAccelerator = Exclude<Accelerator, 'jit'>

/** What kind of computer the guest was built for. */
export type GuestArchitecture = 'x86' | 'arm64'

/** What the program and the host behind a machine can do. */
export interface QemuTraits {
  readonly architecture: GuestArchitecture
  readonly accelerator: QemuAccelerator
  /** QEMU's version; the machine type carries it, so that a newer QEMU still makes the same computer. */
  readonly version: { readonly major: number; readonly minor: number }
  /** Whether this QEMU can filter its own system calls. */
  readonly seccomp: boolean
}

export interface QemuMachineOptions {
  readonly name: string
  readonly cpus: number
  readonly memoryMib: number
  readonly kernel: string
  readonly initrd: string
  readonly commandLine: string
  /** Layers from the top, which is written, to the base. */
  readonly disk: readonly string[]
  /** The run directory, from where QEMU starts. */
  readonly socketDirectory: string
  /** Ways to the agent, each a port of the serial bus; every one takes half a MiB of the guest's memory. */
  readonly agentPorts: number
}

/** The sockets of a machine, in its run directory: one for each way to the agent, by its port. */
export const sockets = {
  qmp: 'qmp.sock',
  console: 'console.sock',
  agents: Array.from({ length: 1 + VISITOR_PORTS }, (_, port) => `agent.${port}.sock`),
} as const

/** The device that has the disk, as `qom-get` finds it. */
export const DISK_DEVICE = '/machine/peripheral/disk0'

// QEMU's default is a buffer of 1 GiB for translated code, which a busy guest fills.
const TRANSLATED_CODE_MIB = 128

/** The whole list after the program's name. The machine waits for `cont`. */
export function qemuArguments(traits: QemuTraits, options: QemuMachineOptions): string[] {
  const nodes = chainNodes(options.disk)
  return [
    ...baseArguments(traits),
    ...['-S', '-name', options.name],
    ...['-smp', `${options.cpus}`, '-m', `${options.memoryMib}`],
    ...['-kernel', options.kernel, '-initrd', options.initrd, '-append', options.commandLine],
    ...[...chardev('qmp', sockets.qmp, options), '-mon', 'chardev=qmp,mode=control'],
    ...[...chardev('console', sockets.console, options), '-serial', 'chardev:console'],
    ...nodes.flatMap((node) => ['-blockdev', JSON.stringify(node)]),
    // A failed write is the guest's to handle: by default a full host would stop the machine, and no one would hear of it.
    ...['-device', `virtio-blk-pci,id=disk0,drive=${nodeName(options.disk[0]!)},werror=report,rerror=report`],
    ...agentArguments(options),
    ...['-object', 'rng-builtin,id=entropy', '-device', 'virtio-rng-pci,rng=entropy'],
  ]
}

/** The probe ROM's list: the same computer and the same sandbox, with nothing in it. The serial port is standard output. */
export function probeArguments(traits: QemuTraits, rom: string): string[] {
  return [...baseArguments(traits), '-m', '16', '-bios', rom, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', '-serial', 'stdio']
}

/** What every machine has: one accelerator, no device that was not asked for, no window, no monitor, no network. */
function baseArguments(traits: QemuTraits): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-nic', 'none', '-no-reboot'],
    ...(traits.seccomp ? ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'] : []),
    ...['-machine', machineType(traits), '-accel', accelerator(traits.accelerator)],
    ...['-cpu', traits.accelerator === 'tcg' ? 'max' : 'host'],
  ]
}

function machineType({ architecture, version: { major, minor } }: QemuTraits): string {
  if (architecture === 'arm64') return `virt-${major}.${minor},gic-version=3,dump-guest-core=off`
  return `pc-i440fx-${major}.${minor},acpi=off,usb=off,vmport=off,dump-guest-core=off`
}

// Never a list such as kvm:tcg: QEMU falls back only where the device cannot be opened, and aborts where it does not work.
function accelerator(name: QemuAccelerator): string {
  return name === 'tcg' ? `tcg,thread=multi,tb-size=${TRANSLATED_CODE_MIB}` : name
}

// The bus keeps its own port 0 for a console.
function agentArguments(options: QemuMachineOptions): string[] {
  const ports = sockets.agents.slice(0, options.agentPorts).flatMap((socket, port) => {
    const device = `virtserialport,nr=${port + 1},chardev=agent${port},name=${agentPort(port)}`
    return [...chardev(`agent${port}`, socket, options), '-device', device]
  })
  return ['-device', `virtio-serial-pci,max_ports=${options.agentPorts + 1}`, ...ports]
}

function chardev(id: string, socket: string, { socketDirectory }: QemuMachineOptions): string[] {
  return ['-chardev', `socket,id=${id},path=${socketDirectory}/${socket},server=on,wait=off`]
}
