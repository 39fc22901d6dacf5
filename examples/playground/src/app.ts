// What every action needs: the open home, the model, and one way to do something that takes time and may fail.

import { isBoxLiteError, type Box, type BoxLite, type Progress } from 'boxlite'
import { Model, type Notice, type Task } from './model.ts'
import { farOf } from './progress-words.ts'

/** How an action reports on itself. */
export interface TaskControl {
  readonly signal: AbortSignal
  /** What the library's calls take as `onProgress`. */
  readonly onProgress: (progress: Progress) => void
  /** For what the page does by itself, or knows better. */
  progress(doneBytes: number, totalBytes: number | null): void
}

export interface PerformOptions {
  readonly boxId?: string
  /** Whether it may be called off. */
  readonly cancellable?: boolean
  /** Said at the foot of the page when it is done. */
  readonly done?: string
  /** What the user may do about a failure with one key. */
  readonly offer?: (error: unknown) => Notice['action']
}

export class App {
  readonly model = new Model()
  #lite: BoxLite | null = null
  #lastId = 0

  /** The open home. Actions are only offered when there is one. */
  get lite(): BoxLite {
    if (this.#lite === null) throw new Error('The home is not open yet')
    return this.#lite
  }

  opened(lite: BoxLite): void {
    this.#lite = lite
  }

  async box(id: string): Promise<Box> {
    const box = await this.lite.get(id)
    if (box === null) throw new Error('This box is gone; another tab may have removed it.')
    return box
  }

  /** Does something while the page says so. What fails becomes a notice; the result is then null. */
  async perform<T>(what: string, work: (task: TaskControl) => Promise<T>, options: PerformOptions = {}): Promise<T | null> {
    const id = ++this.#lastId
    const { boxId = null, cancellable = false, done, offer } = options
    const abort = new AbortController()
    const cancel = cancellable ? () => abort.abort(new Error('cancelled by the user')) : null
    this.#tasks([...this.model.state.tasks, { id, what, boxId, step: null, doneBytes: 0, totalBytes: null, cancel }])
    const change = (part: Partial<Task>): void => {
      this.#tasks(this.model.state.tasks.map((task) => (task.id === id ? { ...task, ...part } : task)))
    }
    try {
      const result = await work({
        signal: abort.signal,
        onProgress: (progress) => change(farOf(progress)),
        progress: (doneBytes, totalBytes) => change({ doneBytes, totalBytes }),
      })
      if (done !== undefined) this.say(done)
      return result
    } catch (error) {
      if (abort.signal.aborted) this.say(`${what}: cancelled`)
      else this.fail(what, error, offer?.(error))
      return null
    } finally {
      this.#tasks(this.model.state.tasks.filter((task) => task.id !== id))
    }
  }

  /** Tells of a failure until it is dismissed. The same failure is told once. */
  fail(what: string, error: unknown, action: Notice['action'] = null): void {
    const known = isBoxLiteError(error) ? error : null
    const said = error instanceof Error ? error.message : String(error)
    const message = said.charAt(0).toUpperCase() + said.slice(1)
    const console = known?.facts['console']
    const notice: Notice = {
      id: ++this.#lastId,
      title: `${what} failed`,
      message,
      remedy: known?.remedy ?? null,
      code: known?.code ?? null,
      detail: typeof console === 'string' && console.trim() !== '' ? console : null,
      action,
    }
    const others = this.model.state.notices.filter((other) => other.title !== notice.title || other.message !== message)
    this.model.update({ notices: [...others, notice] })
  }

  dismiss(id: number): void {
    this.model.update({ notices: this.model.state.notices.filter((notice) => notice.id !== id) })
  }

  /** Says something that is worth a line, and is gone with the next. */
  say(text: string): void {
    const place = document.getElementById('said')
    if (place !== null) place.textContent = text
  }

  #tasks(tasks: readonly Task[]): void {
    this.model.update({ tasks })
  }
}
