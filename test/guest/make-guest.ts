// A guest of a few bytes, for tests that only look for one.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOfGuest, type GuestManifest } from '../../src/guest-manifest.ts'

export const sha256 = (bytes: string): string => createHash('sha256').update(bytes).digest('hex')

/** The entry of a file that holds its own name. */
const file = (name: string): { file: string; bytes: number; sha256: string } => ({ file: name, bytes: name.length, sha256: sha256(name) })

/** A manifest that is right in every field. */
export function guestManifest(change: Partial<GuestManifest> = {}): GuestManifest {
  return {
    format: 1,
    platform: 'linux/386',
    key: 'a'.repeat(16),
    agentProtocol: 1,
    kernel: file('bzImage'),
    initrd: file('initrd.cpio'),
    firmware: file('seabios.bin'),
    emulator: { ...file('v86.wasm'), version: '0.5.462' },
    commandLine: 'console=ttyS0 quiet',
    images: [{ reference: 'base', ...file('base.qcow2'), virtualSizeBytes: 1024, digest: sha256('base') }],
    emptyDisk: { ...file('empty.qcow2'), virtualSizeBytes: 1024, digest: sha256('empty') },
    recipes: [{ reference: 'python', key: 'b'.repeat(16) }],
    packages: [{ name: 'busybox-static', version: '1:1.35.0-4', architecture: 'i386' }],
    ...change,
  }
}

/** Puts such a guest into the new folder `directory`. */
export function writeGuest(directory: string, manifest: GuestManifest = guestManifest()): string {
  mkdirSync(directory, { recursive: true })
  for (const { file: name } of filesOfGuest(manifest)) writeFileSync(join(directory, name), name)
  writeFileSync(join(directory, 'guest.json'), JSON.stringify(manifest))
  return directory
}
