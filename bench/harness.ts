// Measures things against each other in one run: the sides take turns, so that whatever the machine does meanwhile
// falls on all of them, and the median of the rounds is what counts.

/** One of the things that are compared. */
export interface Side {
  readonly name: string
  /** Does the work once and resolves with how long it took, in milliseconds; what is not to be measured it does outside. */
  run(round: number): Promise<number>
}

/** What came out for one side. */
export interface Measured {
  readonly name: string
  readonly medianMs: number
  readonly fastestMs: number
  readonly slowestMs: number
  /** The median over the reference's. */
  readonly ratio: number
}

/** One table of docs/benchmarks.md. */
export interface Table {
  readonly title: string
  /** What is done, and what the numbers mean. */
  readonly text: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** A side that does several things a round, each timed by itself. */
export interface SteppedSide<Step extends string> {
  readonly name: string
  run(round: number): Promise<Readonly<Record<Step, number>>>
}

/**
 * Runs the sides `rounds` times in turns, after one round that does not count. The first side is ours, the second the reference.
 * Each round begins with another side, and `settle` runs before each, so that none pays for what another left behind.
 */
export async function compareSteps<Step extends string>(
  sides: readonly SteppedSide<Step>[],
  rounds: number,
  settle: () => Promise<unknown> = async () => undefined,
): Promise<Record<Step, Measured[]>> {
  const times = sides.map((): Readonly<Record<Step, number>>[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const index = (round + turn) % sides.length
      await settle()
      const took = await sides[index]!.run(round)
      if (round > 0) times[index]!.push(took)
    }
  }
  const measured: Partial<Record<Step, Measured[]>> = {}
  for (const step of Object.keys(times[0]![0]!) as Step[]) {
    const columns = times.map((all) => all.map((one) => one[step]))
    const reference = median(columns[1] ?? columns[0]!)
    measured[step] = sides.map(({ name }, index) => {
      const all = columns[index]!
      return { name, medianMs: median(all), fastestMs: Math.min(...all), slowestMs: Math.max(...all), ratio: median(all) / reference }
    })
  }
  return measured as Record<Step, Measured[]>
}

/** `compareSteps` with one step. */
export async function compare(sides: readonly Side[], rounds: number, settle?: () => Promise<unknown>): Promise<Measured[]> {
  const stepped = sides.map(({ name, run }) => ({ name, run: async (round: number) => ({ whole: await run(round) }) }))
  return (await compareSteps(stepped, rounds, settle)).whole
}

/** How long `work` takes, in milliseconds. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A time for a table. */
export function ms(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`
  return milliseconds >= 100 ? `${milliseconds.toFixed(0)} ms` : `${milliseconds.toFixed(2)} ms`
}

/** An amount of memory for a table. */
export function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`
}

/** What every table says of a side: name, median, fastest, slowest, ratio. */
export function sideCells(side: Measured): string[] {
  return [side.name, ms(side.medianMs), ms(side.fastestMs), ms(side.slowestMs), side.ratio.toFixed(2)]
}

/** Whether a number is at most its target, for a table. */
export function verdict(value: number, target: number): string {
  return value <= target ? 'met' : '**missed**'
}

/** A table as Markdown. */
export function markdown({ title, text, head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [`## ${title}`, '', text, '', line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n')
}

/** The time since `start` (of `performance.now()`), for a person. */
export function elapsed(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
