// A terminal for each box that runs, with its shell. They stay while another box is shown.

import { FitAddon } from '@xterm/addon-fit'
import { Terminal } from '@xterm/xterm'
import { type Box, type ExecExit, isBoxLiteError } from 'boxlite'
import { attachTerminal, type AttachedTerminal } from 'boxlite/terminal'
import { refresh } from './actions/home.ts'
import type { App } from './app.ts'
import { h } from './dom.ts'
import { recall } from './memory.ts'
import { isShortcut } from './shortcuts.ts'
import { terminalTheme } from './terminal-theme.ts'

const HOME = '/root'
const QUIET_MS = 400

interface Screen {
  readonly terminal: Terminal
  readonly fit: FitAddon
  readonly element: HTMLElement
  shell: AttachedTerminal | null
  /** `ended`: it had a shell, and gets another when Enter is pressed, or the box was started anew. */
  phase: 'free' | 'shell' | 'ended'
  /** Runs out when nothing was written for a moment. */
  quiet: ReturnType<typeof setTimeout> | undefined
}

export class Terminals {
  readonly #app: App
  readonly #place: HTMLElement
  readonly #screens = new Map<string, Screen>()
  readonly #quietListeners: ((boxId: string) => void)[] = []

  constructor(app: App, place: HTMLElement) {
    this.#app = app
    this.#place = place
    new ResizeObserver(() => this.#fit()).observe(place)
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint())
    app.model.watch(({ boxes, selected, here }) => [boxes, selected, here], () => this.#follow())
  }

  /** Calls `listener` when a box's terminal has been quiet for a moment after something happened in it. */
  onQuiet(listener: (boxId: string) => void): void {
    this.#quietListeners.push(listener)
  }

  /** Gives every terminal the colours of the page. */
  paint(): void {
    for (const { terminal } of this.#screens.values()) terminal.options.theme = terminalTheme()
  }

  focus(): void {
    const { selected } = this.#app.model.state
    if (selected !== null) this.#screens.get(selected)?.terminal.focus()
  }

  /** Hands keys to the box as they are: those that a touch screen has not. */
  press(keys: string): void {
    const { selected } = this.#app.model.state
    if (selected !== null) this.#screens.get(selected)?.terminal.input(keys)
  }

  /** Types into the terminal of a box, as its user would; false where it has no shell that takes it. */
  type(boxId: string, text: string): boolean {
    const screen = this.#screens.get(boxId)
    if (screen?.phase !== 'shell') return false
    screen.terminal.input(text)
    // A terminal that was hidden takes the focus when it is drawn.
    queueMicrotask(() => screen.terminal.focus())
    return true
  }

  /** Whether screen readers are told what the terminals show; it costs speed. */
  readAloud(on: boolean): void {
    for (const { terminal } of this.#screens.values()) terminal.options.screenReaderMode = on
  }

  /** Boxes come and go; each that runs has a shell, and only the one that is selected is seen. */
  #follow(): void {
    const { boxes, selected } = this.#app.model.state
    for (const [boxId, screen] of this.#screens) {
      const box = boxes.find(({ id }) => id === boxId)
      if (box === undefined) this.#remove(boxId, screen)
      else if (box.state !== 'running' && screen.phase === 'ended') screen.phase = 'free'
      screen.element.hidden = boxId !== selected
    }
    const { boxHere } = this.#app.model
    if (boxHere !== null) void this.#attach(boxHere.id)
    this.#fit()
  }

  async #attach(boxId: string): Promise<void> {
    const screen = this.#screens.get(boxId) ?? this.#open(boxId)
    if (screen.phase !== 'free') return
    screen.phase = 'shell'
    // What started the box has done its work, or is gone and the focus with it.
    const { activeElement, body } = document
    if (activeElement === body || activeElement?.closest('#curtain, #box-head [data-key=power]')) this.focus()
    const how = await this.#shellOf(screen, boxId)
    screen.shell = null
    screen.phase = 'ended'
    // Asked anew: where the box has stopped, a new shell would start it, and nobody said so.
    await refresh(this.#app)
    if (!this.#screens.has(boxId)) return
    const { model } = this.#app
    const runs = model.state.here.includes(boxId) && !model.isBusy(boxId)
    const more = runs ? ' Enter opens another.' : ''
    screen.terminal.write(`\r\n\x1b[90m${runs ? how : 'The box has stopped.'}${more}\x1b[0m\r\n`)
  }

  /** Runs a shell to its end, and says how that was. */
  async #shellOf(screen: Screen, boxId: string): Promise<string> {
    try {
      const { exitCode, signal } = await this.#shell(screen, await this.#app.box(boxId))
      return `The shell has ended (${signal ?? exitCode}).`
    } catch (error) {
      return isBoxLiteError(error) ? `There is no shell: ${error.message}.` : String(error)
    }
  }

  /** At home, like every login; a box that has lost that directory still gets its shell. */
  async #shell(screen: Screen, box: Box): Promise<ExecExit> {
    screen.shell = attachTerminal(screen.terminal, box, { cwd: HOME })
    try {
      return await screen.shell.exit
    } catch (error) {
      if (!isBoxLiteError(error, 'not_found') || error.facts['step'] !== 'chdir') throw error
      screen.shell = attachTerminal(screen.terminal, box)
      return screen.shell.exit
    }
  }

  #open(boxId: string): Screen {
    const terminal = new Terminal({
      fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace',
      fontSize: 13,
      lineHeight: 1.2,
      cursorBlink: false,
      scrollback: 5000,
      minimumContrastRatio: 4.5,
      screenReaderMode: recall('screen-reader') === 'on',
      theme: terminalTheme(),
    })
    const fit = new FitAddon()
    terminal.loadAddon(fit)
    // Everything else goes to the box, Esc and Tab among it.
    terminal.attachCustomKeyEventHandler((event) => !isShortcut(event))
    const element = h('div', { class: 'tty', hidden: boxId !== this.#app.model.state.selected })
    this.#place.append(element)
    terminal.open(element)
    const screen: Screen = { terminal, fit, element, shell: null, phase: 'free', quiet: undefined }
    this.#screens.set(boxId, screen)
    terminal.onWriteParsed(() => this.#stir(boxId, screen))
    terminal.onData((text) => {
      if (screen.phase !== 'ended' || text !== '\r') return
      screen.phase = 'free'
      void this.#attach(boxId)
    })
    this.#fit()
    return screen
  }

  #stir(boxId: string, screen: Screen): void {
    clearTimeout(screen.quiet)
    screen.quiet = setTimeout(() => {
      // Whoever looks into a box that is being stopped would start it again.
      if (this.#app.model.isBusy(boxId)) return
      for (const listener of this.#quietListeners) listener(boxId)
    }, QUIET_MS)
  }

  #fit(): void {
    const { selected } = this.#app.model.state
    if (selected !== null && this.#place.clientHeight > 0) this.#screens.get(selected)?.fit.fit()
  }

  #remove(boxId: string, { shell, terminal, element, quiet }: Screen): void {
    clearTimeout(quiet)
    shell?.dispose()
    terminal.dispose()
    element.remove()
    this.#screens.delete(boxId)
  }
}
