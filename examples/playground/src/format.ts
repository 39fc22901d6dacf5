// Numbers and times as people read them.

const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** Bytes in decimal units: `0 B`, `12 kB`, `3.4 MB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000
  const digits = unit === 0 || value >= 99.95 ? 0 : 1
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${units[unit]}`
}

/** How long ago something was, in one unit: `just now`, `5 min ago`, `3 days ago`. */
export function ago(then: Date, now: Date = new Date()): string {
  const seconds = (now.getTime() - then.getTime()) / 1000
  if (seconds < 45) return 'just now'
  if (seconds < 45 * 60) return `${Math.max(1, Math.round(seconds / 60))} min ago`
  if (seconds < 22 * 3600) return `${Math.round(seconds / 3600)} h ago`
  const days = Math.round(seconds / 86_400)
  return days === 1 ? 'yesterday' : `${days} days ago`
}

/** `1 snapshot`, `3 snapshots`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** The name of a box, or what stands for it. */
export function titleOf({ id, name }: { readonly id: string; readonly name: string | null }): string {
  return name ?? id.slice(0, 8)
}

/** The first of `stem`, `stem-2`, `stem-3`, … that is not taken. */
export function freeName(stem: string, taken: readonly (string | null)[]): string {
  if (!taken.includes(stem)) return stem
  let number = 2
  while (taken.includes(`${stem}-${number}`)) number++
  return `${stem}-${number}`
}
