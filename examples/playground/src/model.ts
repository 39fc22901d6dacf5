// The one place that holds what the page shows. Views read it and watch it; only actions change it.

import type { BoxInfo, EngineInfo, FileEntry, SnapshotTree, StorageState } from 'boxlite/browser'

/** Something that takes time. */
export interface Task {
  readonly id: number
  /** What is done, as it is said to people: "Starting 'web'". */
  readonly what: string
  readonly boxId: string | null
  /** What just happens in it. */
  readonly step: string | null
  readonly doneBytes: number
  /** Null: nobody knows how much there is. */
  readonly totalBytes: number | null
  /** Null: it cannot be called off. */
  readonly cancel: (() => void) | null
}

/** Something that went wrong, told until it is dismissed. */
export interface Notice {
  readonly id: number
  readonly title: string
  readonly message: string
  /** What to do. */
  readonly remedy: string | null
  /** The stable word of the error. */
  readonly code: string | null
  /** What a person may want to look at: the guest's console. */
  readonly detail: string | null
  readonly action: { readonly label: string; readonly run: () => void } | null
}

/** What the box that is shown looks like from inside the library. */
export interface Shown {
  readonly boxId: string
  readonly tree: SnapshotTree
  /** Written since the newest snapshot. */
  readonly ownBytes: number
}

export interface Directory {
  readonly boxId: string
  readonly path: string
  readonly entries: readonly FileEntry[]
  /** How many it has beside these. */
  readonly more: number
}

/** How far the lesson is. Null: it was not begun. */
export interface LessonProgress {
  readonly boxId: string
  readonly doneSteps: number
}

export type Pane = 'boxes' | 'terminal' | 'timeline' | 'files' | 'lesson'

export interface State {
  readonly phase: 'opening' | 'open' | 'failed'
  readonly engine: EngineInfo | null
  readonly storage: StorageState | null
  readonly boxes: readonly BoxInfo[]
  /** Ids of those whose machines run in this tab; others may run in another. */
  readonly here: readonly string[]
  readonly selected: string | null
  readonly shown: Shown | null
  /** Id of the snapshot whose details are shown. */
  readonly snapshot: string | null
  readonly directory: Directory | null
  readonly tasks: readonly Task[]
  readonly notices: readonly Notice[]
  readonly lesson: LessonProgress | null
  /** Whether a check of the lesson said no when it was asked for. */
  readonly lessonHint: string | null
  /** What a narrow page shows. */
  readonly pane: Pane
  /** Which of the two stands at the side. */
  readonly side: 'files' | 'lesson'
}

const initial: State = {
  phase: 'opening',
  engine: null,
  storage: null,
  boxes: [],
  here: [],
  selected: null,
  shown: null,
  snapshot: null,
  directory: null,
  tasks: [],
  notices: [],
  lesson: null,
  lessonHint: null,
  pane: 'terminal',
  side: 'files',
}

export class Model {
  #state = initial
  #told = false
  readonly #watchers = new Set<() => void>()

  get state(): State {
    return this.#state
  }

  /** The box that is shown, as it was last seen. */
  get box(): BoxInfo | null {
    return this.#state.boxes.find(({ id }) => id === this.#state.selected) ?? null
  }

  /** The box that is shown, where its machine runs in this tab: only then has it a terminal and files here. */
  get boxHere(): BoxInfo | null {
    const { box } = this
    return box?.state === 'running' && this.#state.here.includes(box.id) ? box : null
  }

  /** The box that is shown, where its machine runs in another tab. */
  get boxElsewhere(): BoxInfo | null {
    const { box } = this
    return box?.state === 'running' && !this.#state.here.includes(box.id) ? box : null
  }

  /** Whether something is under way with a box. */
  isBusy(boxId: string): boolean {
    return this.#state.tasks.some((task) => task.boxId === boxId)
  }

  update(change: Partial<State>): void {
    this.#state = { ...this.#state, ...change }
    if (this.#told) return
    this.#told = true
    // Several changes of one turn are drawn once.
    queueMicrotask(() => {
      this.#told = false
      for (const watcher of this.#watchers) watcher()
    })
  }

  /** Calls `draw` now, and again whenever one of the values that `pick` gives is another. */
  watch(pick: (state: State) => readonly unknown[], draw: (state: State) => void): void {
    let before: readonly unknown[] | null = null
    const look = (): void => {
      const now = pick(this.#state)
      if (before !== null && now.length === before.length && now.every((value, index) => value === before?.[index])) return
      before = now
      draw(this.#state)
    }
    this.#watchers.add(look)
    look()
  }
}
