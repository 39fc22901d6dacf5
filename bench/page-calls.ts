/** What the page of the benchmarks does. All times are in milliseconds. */
export interface PageCalls {
  /** Opens the home, makes the box where there is none, and starts it: when its shell has its prompt, since the page was asked for. */
  visit(): Promise<number>
  /** The same of the emulator alone. */
  visitBare(): Promise<number>
  /** Commands, one after the other. */
  execs(count: number): Promise<number[]>
  /** Keys that are typed into a shell, each until it is on the screen. */
  keys(count: number): Promise<number[]>
  /** Runs a script in the box; how long it takes. */
  script(script: string): Promise<number>
  /** Runs a script under the emulator alone; how long it takes. */
  bareScript(script: string): Promise<number>
  /** Snapshots of a stopped box of that size, and going back to each: the one that ran, or an empty one. */
  snapshots(size: '1 MiB' | '1 GiB', count: number): Promise<{ create: number[]; restore: number[] }>
}
