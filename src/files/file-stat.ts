// What the guest says of a file.

import { Violation } from '../agent/frame.ts'

export type FileKind = 'file' | 'directory' | 'link' | 'fifo' | 'socket' | 'character' | 'block'

/** What the guest's `stat` says of a file. */
export interface FileStat {
  readonly kind: FileKind
  /** Permission bits, set-id and sticky bits included. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** How many names it has. */
  readonly links: number
  readonly inode: number
  readonly sizeBytes: number
  /** Space that it takes on the disk. */
  readonly allocatedBytes: number
  /** When its content changed last. */
  readonly modifiedAt: Date
  /** When its content, mode, owner or names changed last. */
  readonly changedAt: Date
  /** What a symbolic link leads to; null for everything else. */
  readonly target: string | null
  /** The numbers of a device; null for everything else. */
  readonly device: { readonly major: number; readonly minor: number } | null
}

/** A name in a directory. The stat is that of the name itself: a link is not followed. */
export interface FileEntry extends FileStat {
  readonly name: string
}

const kinds: Readonly<Record<number, FileKind>> = {
  0o01: 'fifo',
  0o02: 'character',
  0o04: 'directory',
  0o06: 'block',
  0o10: 'file',
  0o12: 'link',
  0o14: 'socket',
}

const STAT_BYTES = 64

/** Reads a stat of the protocol. */
export function decodeStat(bytes: Uint8Array): FileStat {
  if (bytes.length < STAT_BYTES) throw new Violation('a stat that is too short')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const mode = view.getUint32(0, true)
  const kind = kinds[mode >>> 12]
  if (kind === undefined) throw new Violation(`a file of the unknown mode ${mode.toString(8)}`)
  return {
    kind,
    mode: mode & 0o7777,
    uid: view.getUint32(4, true),
    gid: view.getUint32(8, true),
    links: view.getUint32(12, true),
    inode: Number(view.getBigUint64(24, true)),
    sizeBytes: Number(view.getBigUint64(32, true)),
    allocatedBytes: Number(view.getBigUint64(40, true)),
    modifiedAt: date(view.getBigInt64(48, true)),
    changedAt: date(view.getBigInt64(56, true)),
    target: kind === 'link' ? new TextDecoder().decode(bytes.subarray(STAT_BYTES)) : null,
    device: kind === 'character' || kind === 'block' ? deviceNumbers(view.getBigUint64(16, true)) : null,
  }
}

/** Reads what LIST gives: entries one after the other. */
export function decodeEntries(bytes: Uint8Array): FileEntry[] {
  const entries: FileEntry[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const take = (at: number): Uint8Array => {
    const start = at + 2
    const end = start <= bytes.length ? start + view.getUint16(at, true) : start
    if (end > bytes.length) throw new Violation('an entry that ends too early')
    return bytes.subarray(start, end)
  }
  for (let at = 0; at < bytes.length; ) {
    const name = take(at)
    const stat = take(at + 2 + name.length)
    entries.push({ name: new TextDecoder().decode(name), ...decodeStat(stat) })
    at += 4 + name.length + stat.length
  }
  return entries
}

function date(nanoseconds: bigint): Date {
  return new Date(Number(nanoseconds / 1_000_000n))
}

/** Linux's way to put two numbers into one (gnu_dev_major and gnu_dev_minor of the C library). */
function deviceNumbers(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  }
}
