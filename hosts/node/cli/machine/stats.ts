import { setTimeout as pause } from 'node:timers/promises'
import { isBoxLiteError } from '../../../../src/error.ts'
import type { BoxInfo, BoxLite, GuestMetrics } from '../../index.ts'
import { homeOption } from '../box/options.ts'
import { boxNamed, withHome } from '../box/with-box.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { printable } from '../printable.ts'
import { formatSize } from '../size.ts'
import { drawTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** What one box says of itself. */
interface Stats extends Pick<BoxInfo, 'id' | 'name' | 'state'> {
  /** Null: it does not run, or could not be asked. */
  readonly guest: GuestMetrics | null
  /** Why it could not be asked. */
  readonly reason: string | null
}

const INTERVAL_MS = 2_000

export const boxStats = defineCommand({
  path: 'stats',
  summary: 'show what boxes that run use: memory, processor, disk',
  details:
    'As their guests count it; LOAD is how many programs ran or waited to, on average over the last minute. On a terminal the table is drawn ' +
    'anew every two seconds until Ctrl-C; elsewhere, and with --once or --json, it is printed once.',
  operands: ['[BOX...]'],
  options: { once: { type: 'boolean', help: 'print it once' }, ...homeOption, ...jsonOption },
  async run(terminal, options, names) {
    const isLive = terminal.showsOutput && options.once !== true && options.json !== true
    // Opened for each look alone: others want to use these boxes in between.
    const look = (): Promise<Stats[]> => withHome(terminal, { home: options.home, isQuiet: isLive }, (lite) => statsOf(lite, names))
    if (isLive) return await draw(terminal, look)
    const stats = await look()
    if (options.json === true) terminal.printJson(stats)
    else terminal.print(tableOf(stats))
    return 0
  },
})

/** Ctrl-C is how it ends. */
async function draw(terminal: Terminal, look: () => Promise<Stats[]>): Promise<number> {
  const { signal } = terminal
  try {
    for (;;) {
      terminal.redraw(tableOf(await look()))
      await pause(INTERVAL_MS, undefined, { signal })
    }
  } catch (error) {
    if (signal.aborted) return 0
    throw error
  }
}

async function statsOf(lite: BoxLite, names: readonly string[]): Promise<Stats[]> {
  const infos = await lite.list()
  const wanted = names.length === 0 ? infos.filter(({ state }) => state === 'running' || state === 'paused') : []
  for (const name of names) {
    const { id } = await boxNamed(lite, name)
    wanted.push(...infos.filter((info) => info.id === id))
  }
  return await Promise.all(wanted.map((info) => statsOfOne(lite, info)))
}

async function statsOfOne(lite: BoxLite, { id, name, state }: BoxInfo): Promise<Stats> {
  try {
    const box = await lite.get(id)
    return { id, name, state, guest: (await box?.metrics())?.guest ?? null, reason: null }
  } catch (error) {
    // One box that cannot be asked keeps nobody from the others.
    if (!isBoxLiteError(error)) throw error
    return { id, name, state, guest: null, reason: error.message }
  }
}

const columns = [
  { title: 'NAME' },
  { title: 'ID' },
  { title: 'STATE' },
  { title: 'MEMORY', align: 'right' },
  { title: 'LOAD', align: 'right' },
  { title: 'DISK', align: 'right' },
  { title: 'PROCESSES', align: 'right' },
  { title: 'UP', align: 'right' },
  { title: '' },
] as const

function tableOf(stats: readonly Stats[]): string[] {
  return drawTable(columns, stats.map(rowOf))
}

function rowOf({ id, name, state, guest, reason }: Stats): string[] {
  const box = [printable(name ?? ''), id.slice(0, 12), state ?? '']
  if (guest === null) return [...box, '', '', '', '', '', printable(reason ?? '')]
  const { memoryTotalBytes, memoryAvailableBytes, load1, diskTotalBytes, diskFreeBytes, processCount, uptimeMs } = guest
  const memory = share(memoryTotalBytes - memoryAvailableBytes, memoryTotalBytes)
  return [...box, memory, load1.toFixed(2), share(diskTotalBytes - diskFreeBytes, diskTotalBytes), String(processCount), span(uptimeMs), '']
}

function share(usedBytes: number, totalBytes: number): string {
  return `${formatSize(usedBytes)} of ${formatSize(totalBytes)}`
}

/** `42 s`, `7 min`, `5 h`, `3 d`: what has passed, in the largest unit that is whole. */
function span(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
