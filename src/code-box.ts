// A box to run Python in: made when it is first used, gone when it is stopped.

import type { BoxLite, OpenOptions } from './boxlite.ts'
import type { Box } from './box.ts'
import type { CreateOptions } from './create-box.ts'
import { BoxLiteError } from './error.ts'
import type { ExecOptions, ExecResult } from './exec/exec-options.ts'
import { pick } from './pick.ts'
import type { CallOptions } from './progress.ts'
import type { RunProgress } from './run.ts'
import { SharedWork } from './shared-work.ts'

export interface CodeBoxOptions
  extends Omit<CreateOptions, 'disk' | 'signal' | 'onProgress'>, Pick<OpenOptions, 'homeDir' | 'engine' | 'assets'> {
  /** An open home to make the box in, which stays open; by default one is opened for it. */
  readonly lite?: BoxLite
}

/** `signal` ends the making of the box, too, where nobody else waits for it. */
export interface CodeOptions extends Pick<ExecOptions, 'stdin' | 'env' | 'timeoutMs' | 'maxOutputBytes'>, CallOptions<RunProgress> {}

interface Made {
  readonly lite: BoxLite
  readonly box: Box
}

const DEFAULT_CODE_IMAGE = 'python'

export class CodeBox {
  readonly #open: (options: OpenOptions) => Promise<BoxLite>
  readonly #options: CodeBoxOptions
  readonly #making = new SharedWork<Made, RunProgress>()
  #made: Made | null = null
  #stopped = false

  /** `open` opens the home for a box that is not given one. */
  constructor(open: (options: OpenOptions) => Promise<BoxLite>, options: CodeBoxOptions = {}) {
    this.#open = open
    this.#options = options
  }

  /** The box itself, made where it was not yet: for files, and for other commands. */
  async box(options: CallOptions<RunProgress> = {}): Promise<Box> {
    if (this.#stopped) throw new BoxLiteError('invalid_state', 'This CodeBox is stopped', { remedy: 'Make another one.' })
    const { box } = this.#made ?? (await this.#making.join('box', options, (whole) => this.#make(whole)))
    return box
  }

  /** Runs Python code in a process of its own. Code that fails is a result with its `stderr`, not an error. */
  async run(code: string, { onProgress, ...options }: CodeOptions = {}): Promise<ExecResult> {
    const { signal } = options
    const box = await this.box({ signal, onProgress })
    await box.start({ signal, onProgress })
    return await box.exec('python3', ['-c', code], pick(options, ['stdin', 'env', 'timeoutMs', 'maxOutputBytes', 'signal']))
  }

  /** Stops the box, which is removed unless it was made with `autoRemove: false`, and closes a home that was opened for it. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#making.over()
    // One that was never made, or could not be, needs no end.
    const made = this.#made
    if (made === null) return
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

  async #make(whole: CallOptions<RunProgress>): Promise<Made> {
    const { lite: given, homeDir: _homeDir, engine: _engine, assets: _assets, ...options } = this.#options
    const lite = given ?? (await this.#open({ ...pick(this.#options, ['homeDir', 'engine', 'assets']), ...whole }))
    try {
      this.#made = { lite, box: await lite.create({ image: DEFAULT_CODE_IMAGE, autoRemove: true, ...options, ...whole }) }
      return this.#made
    } catch (error) {
      if (given === undefined) await lite.close()
      throw error
    }
  }
}
