// A file system of its own for QEMU, made by bubblewrap: the system's programs, to be read; the box's run directory, with the layers
// of its disk (disk-view.ts); the guest's files; and no network, no other process, no home directory.

import { dirname } from 'node:path'

/** What QEMU is to see. All paths are absolute. */
export interface Enclosure {
  /** QEMU itself. */
  readonly program: string
  readonly readOnly: readonly string[]
  readonly writable: readonly string[]
  /** Where it starts. */
  readonly directory: string
  /** It lives on when its owner ends. */
  readonly detach: boolean
}

/** Where programs and their libraries are; those that a system has not are passed over. */
const systemPaths = [
  ...['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store'],
  ...['/etc/ld.so.cache', '/etc/ld.so.conf', '/etc/ld.so.conf.d', '/etc/alternatives'],
]

/** bubblewrap's options; `--` and the command follow. The command is the first process of its own numbering, and takes its exit along. */
export function bubblewrapArguments({ program, readOnly, writable, directory, detach }: Enclosure): string[] {
  const isElsewhere = !systemPaths.some((path) => program.startsWith(`${path}/`))
  return [
    ...['--unshare-all', '--as-pid-1', '--cap-drop', 'ALL'],
    ...(detach ? [] : ['--die-with-parent']),
    ...systemPaths.flatMap((path) => ['--ro-bind-try', path, path]),
    // Beside its `bin` a QEMU has its libraries and its firmware.
    ...(isElsewhere ? ['--ro-bind', dirname(dirname(program)), dirname(dirname(program))] : []),
    ...['--proc', '/proc', '--dev', '/dev', '--dev-bind-try', '/dev/kvm', '/dev/kvm'],
    // In this order: what can only be read may lie in what can be written.
    ...writable.flatMap((path) => ['--bind', path, path]),
    ...readOnly.flatMap((path) => ['--ro-bind', path, path]),
    ...['--chdir', directory],
  ]
}
