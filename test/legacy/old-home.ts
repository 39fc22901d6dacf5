// A home of the prior implementation, made of real files in a temporary directory.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { oldFiles } from '../../hosts/node/old-home.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'

/** A qcow2 header of version 2, of a disk of 1 MiB, that backs on `backing`; as an overlay of the prior implementation begins. */
export function qcow2Header(backing: string | null): Buffer {
  const name = Buffer.from(backing ?? '')
  const image = Buffer.alloc(4 * 65_536)
  image.writeUInt32BE(0x514649fb, 0)
  image.writeUInt32BE(2, 4)
  image.writeBigUInt64BE(backing === null ? 0n : 512n, 8)
  image.writeUInt32BE(name.length, 16)
  image.writeUInt32BE(16, 20)
  image.writeBigUInt64BE(1_048_576n, 24)
  image.writeUInt32BE(1, 36)
  image.writeBigUInt64BE(3n * 65_536n, 40)
  image.writeBigUInt64BE(65_536n, 48)
  image.writeUInt32BE(1, 56)
  name.copy(image, 512)
  return image
}

/** An old home with one box, `box`. Paths are relative to the home. */
export class OldHome {
  readonly root = mkdtempSync(join(tmpdir(), 'boxlite-old-'))
  readonly files: OldFiles
  readonly box = 'abcDEF123456'

  constructor() {
    this.files = oldFiles(this.root)
    mkdirSync(join(this.root, 'bases'))
    mkdirSync(join(this.root, 'boxes', this.box, 'disks'), { recursive: true })
    mkdirSync(join(this.root, 'boxes', this.box, 'snapshots'))
  }

  /** The path of something in the box. */
  in(path: string): string {
    return `boxes/${this.box}/${path}`
  }

  absolute(path: string): string {
    return join(this.root, path)
  }

  write(path: string, content: string | Buffer, modifiedMs?: number): void {
    mkdirSync(dirname(this.absolute(path)), { recursive: true })
    writeFileSync(this.absolute(path), content)
    if (modifiedMs !== undefined) utimesSync(this.absolute(path), modifiedMs / 1000, modifiedMs / 1000)
  }

  /** Writes the marker as the prior implementation does, with absolute paths. */
  mark(marker: Readonly<Record<string, unknown>>): void {
    this.write(this.in('.snapshot_pending'), JSON.stringify(marker))
  }

  markSnapshot(name: string): void {
    this.mark({ snapshot_dir: this.absolute(this.in(`snapshots/${name}`)), container_disk: this.absolute(this.in('disks/disk.qcow2')) })
  }

  /** Everything in the home: directories, links and the content of files. */
  tree(): Record<string, string> {
    const found: Record<string, string> = {}
    for (const entry of readdirSync(this.root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      const name = path.slice(this.root.length + 1)
      if (entry.isDirectory()) found[`${name}/`] = ''
      else if (entry.isSymbolicLink()) found[name] = `-> ${readlinkSync(path)}`
      else found[name] = readFileSync(path).toString('latin1')
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.files.close()
    rmSync(this.root, { recursive: true })
  }
}
