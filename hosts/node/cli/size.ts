// Sizes as qemu-img reads and prints them: `10G` is 10 * 2^30 bytes.

import { usageError } from './usage-error.ts'

const SECTOR_BYTES = 512
const units = ['', 'K', 'M', 'G', 'T', 'P', 'E']

/**
 * A size in bytes from `512`, `64k`, `1.5G` or `10GiB`; the units are powers of 1024. Refuses what is no size, no whole
 * number of bytes, or more than can be counted exactly (2^53 - 1). `what` names it in the message.
 */
export function parseSize(text: string, what: string, command: string): number {
  const match = /^(\d+)(?:\.(\d+))?(?:([kmgtpe])(?:ib)?|b)?$/i.exec(text)
  if (match === null) throw usageError(`${what} '${text}' is not a size`, command, 'Write it in bytes or with a unit: 512, 64K, 1.5G, 2T.')
  const [, whole, fraction = '', unit = ''] = match
  const scale = 1024n ** BigInt(units.indexOf(unit.toUpperCase()))
  const decimals = 10n ** BigInt(fraction.length)
  const scaled = BigInt(whole + fraction) * scale
  // As qemu does: a fraction of a byte is cut off, so that 1.1K is a size.
  const bytes = scaled / decimals
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw usageError(`${what} '${text}' is over 8 PiB`, command)
  if (unit === '' && fraction !== '') throw usageError(`${what} '${text}' is not a whole number of bytes`, command)
  return Number(bytes)
}

/** `bytes` rounded up to whole sectors, as the size of a disk is. Refuses more than can be counted exactly; `what` names it in the message. */
export function wholeSectors(bytes: number, what: string, command: string): number {
  const rounded = Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES
  if (Number.isSafeInteger(rounded)) return rounded
  throw usageError(`${what} is over what can be counted: 8 PiB less 512 bytes`, command)
}

/** `1.5 GiB`; three digits, and as many bytes as there are below 1 KiB. */
export function formatSize(bytes: number): string {
  let unit = 0
  let value = bytes
  // Not 1024: 1023.6 would be printed as 1024.
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const rounded = value < 1000 ? Number(value.toPrecision(3)) : Math.round(value)
  return unit === 0 ? `${bytes} B` : `${rounded} ${units[unit]!}iB`
}

/** `1.5 GiB (1610612736 bytes)`, for where every byte counts. */
export function formatSizeExactly(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${formatSize(bytes)} (${bytes} bytes)`
}
