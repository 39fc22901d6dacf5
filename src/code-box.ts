// A box to run Python in: made when it is first used, gone when it is stopped.

import type { BoxLite, OpenOptions } from './boxlite.ts'
import type { Box } from './box.ts'
import type { CreateOptions } from './create-box.ts'
import { BoxLiteError } from './error.ts'
import type { ExecOptions, ExecResult } from './exec/exec-options.ts'
import { openOptions } from './run.ts'

export interface CodeBoxOptions extends Omit<CreateOptions, 'disk' | 'signal' | 'onProgress'>, Pick<OpenOptions, 'assets'> {
  /** An open home to make the box in, which stays open; by default one is opened for it. */
  readonly lite?: BoxLite
}

export type CodeOptions = Pick<ExecOptions, 'stdin' | 'env' | 'timeoutMs' | 'signal' | 'maxOutputBytes'>

const DEFAULT_CODE_IMAGE = 'python'

export class CodeBox {
  readonly #open: (options: OpenOptions) => Promise<BoxLite>
  readonly #options: CodeBoxOptions
  #made: Promise<{ readonly lite: BoxLite; readonly box: Box }> | null = null
  #stopped = false

  /** `open` opens the home for a box that is not given one. */
  constructor(open: (options: OpenOptions) => Promise<BoxLite>, options: CodeBoxOptions = {}) {
    this.#open = open
    this.#options = options
  }

  /** The box itself, made where it was not yet: for files, and for other commands. */
  async box(): Promise<Box> {
    if (this.#stopped) throw new BoxLiteError('invalid_state', 'This CodeBox is stopped', { remedy: 'Make another one.' })
    this.#made ??= this.#make()
    // A failure is not kept: what was missing may be there the next time.
    this.#made.catch(() => (this.#made = null))
    return (await this.#made).box
  }

  /** Runs Python code in a process of its own. Code that fails is a result with its `stderr`, not an error. */
  async run(code: string, options: CodeOptions = {}): Promise<ExecResult> {
    const box = await this.box()
    return await box.exec('python3', ['-c', code], options)
  }

  /** Stops the box, which is removed unless it was made with `autoRemove: false`, and closes a home that was opened for it. */
  async stop(): Promise<void> {
    this.#stopped = true
    // One that was never made, or could not be, needs no end.
    const made = await this.#made?.catch(() => null)
    if (made === null || made === undefined) return
    this.#made = null
    try {
      await made.box.stop()
    } finally {
      if (this.#options.lite === undefined) await made.lite.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #make(): Promise<{ readonly lite: BoxLite; readonly box: Box }> {
    const { lite: given, assets: _, ...options } = this.#options
    const lite = given ?? (await this.#open(openOptions(this.#options)))
    try {
      return { lite, box: await lite.create({ image: DEFAULT_CODE_IMAGE, autoRemove: true, ...options }) }
    } catch (error) {
      if (given === undefined) await lite.close()
      throw error
    }
  }
}
