// A child process that speaks in lines.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export class Child {
  readonly process: ChildProcess
  readonly #lines: string[] = []
  readonly #waiting: ((line: string | null) => void)[] = []
  readonly #exit: Promise<unknown>
  #ended = false
  #errors = ''

  /** Runs `test/node/children/<script>` on the built package; `inherits` is an open file that it gets as descriptor 40. */
  constructor(script: string | { readonly script: string; readonly inherits: number }, ...parameters: readonly string[]) {
    const name = typeof script === 'string' ? script : script.script
    const path = fileURLToPath(new URL(`children/${name}`, import.meta.url))
    const more = typeof script === 'string' ? [] : [...Array.from({ length: 37 }, () => 'ignore' as const), script.inherits]
    this.process = spawn(process.execPath, [path, ...parameters], { stdio: ['pipe', 'pipe', 'pipe', ...more] })
    this.#exit = once(this.process, 'close')
    this.process.stderr!.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()))
    // A killed child reads no more; what it did not read is lost.
    this.process.stdin!.on('error', () => {})
    const lines = createInterface(this.process.stdout!)
    lines.on('line', (line) => {
      const next = this.#waiting.shift()
      if (next) next(line)
      else this.#lines.push(line)
    })
    lines.on('close', () => {
      this.#ended = true
      for (const next of this.#waiting.splice(0)) next(null)
    })
  }

  /** The next line, or null when there will be none. */
  line(): Promise<string | null> {
    const line = this.#lines.shift()
    if (line !== undefined) return Promise.resolve(line)
    if (this.#ended) return Promise.resolve(null)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  say(line: string): void {
    this.process.stdin!.write(`${line}\n`)
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#exit
  }

  /** Resolves at the child's end with what it said on its error output. */
  async end(): Promise<string> {
    await this.#exit
    return this.#errors
  }
}
