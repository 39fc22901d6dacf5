// The bar at the top: what runs the boxes and what keeps them, the shortcuts, light and dark.

import { askToPersist, checkHome, freeSpace, refreshStorage } from '../actions/home.ts'
import type { App } from '../app.ts'
import { tell } from '../dialogs.ts'
import { byId, draw, h } from '../dom.ts'
import { bytes } from '../format.ts'
import { icon } from '../icons.ts'
import { recall, remember } from '../memory.ts'
import type { State } from '../model.ts'
import { shortcuts } from '../shortcuts.ts'
import type { Terminals } from '../terminals.ts'
import { isDark, toggleTheme } from '../theme.ts'

const KEPT = 'Yes: the browser clears it only when you say so.'
const NOT_KEPT =
  'No: the browser has not granted it, and may clear everything when the machine runs short of space. Browsers grant it to pages that ' +
  'are used often, installed or bookmarked. Export what matters.'

export function barView(app: App, terminals: Terminals): void {
  const about = byId('about')
  about.addEventListener('click', () => void showAbout(app))
  const help = byId('shortcuts')
  help.append(icon('keys'))
  help.addEventListener('click', () => showShortcuts(terminals))
  const theme = byId('theme')
  const label = (): void => {
    const words = `Turn to ${isDark() ? 'light' : 'dark'} colours`
    theme.setAttribute('aria-label', words)
    theme.title = words
  }
  theme.append(icon('theme'))
  theme.addEventListener('click', () => {
    toggleTheme()
    terminals.paint()
    label()
  })
  label()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', label)
  app.model.watch(
    ({ storage, engine, phase }) => [storage, engine, phase],
    ({ storage, engine, phase }) => {
      const engineWords = phase === 'opening' ? '…' : (engine?.name ?? 'no engine')
      const stored = storage === null ? '' : ` · ${bytes(storage.usedBytes ?? 0)}${storage.isPersistent ? '' : ' · not persistent'}`
      const works = engine !== null && engine.name !== null
      draw(about, h('span', { class: works ? 'dot running' : 'dot failed' }), engineWords, h('span', { class: 'wide' }, stored))
    },
  )
}

async function showAbout(app: App): Promise<void> {
  if (app.model.state.phase === 'open') await refreshStorage(app)
  const { state } = app.model
  const button = (label: string, work: (of: App) => Promise<void>, disabled = false): HTMLElement =>
    h('button', { disabled: disabled || state.phase !== 'open', onclick: () => act(work) }, label)
  const dialog = tell(
    'This browser',
    h('h3', {}, 'Engine'),
    facts(engineFacts(state)),
    h('h3', {}, 'Storage'),
    facts(storageFacts(state)),
    h(
      'div',
      { class: 'row' },
      button('Ask the browser to keep it', askToPersist, state.storage?.isPersistent !== false),
      button('Free unused space', freeSpace),
      button('Check all disks', checkHome),
    ),
  )
  const act = (work: (of: App) => Promise<void>): void => {
    dialog.close()
    void work(app)
  }
}

type Fact = readonly [name: string, value: string]

function facts(rows: readonly Fact[]): Node {
  return h('dl', {}, ...rows.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]))
}

function engineFacts({ engine }: State): Fact[] {
  if (engine === null) return [['Engine', 'not known yet']]
  const { name, accelerator, version, capabilities, refused, protections } = engine
  const { minMemoryMib, maxMemoryMib, liveSnapshot } = capabilities
  const limits: Fact[] = [
    ['Memory of a box', `${minMemoryMib} to ${maxMemoryMib} MiB`],
    ['Snapshots while it runs', liveSnapshot ? 'yes' : 'no'],
  ]
  return [
    ['Engine', name === null ? 'none works here' : `${name} ${version ?? ''} (${accelerator ?? 'no accelerator'})`],
    ...(name === null ? [] : limits),
    ...refused.map(({ engine: which, reason, remedy }): Fact => [`Not taken: ${which}`, `${reason} ${remedy ?? ''}`]),
    ...protections.filter(({ active }) => active).map(({ name: what, detail }): Fact => [what.replaceAll('-', ' '), detail]),
  ]
}

function storageFacts({ storage }: State): Fact[] {
  if (storage === null) return [['Storage', 'not known yet']]
  const { usedBytes, quotaBytes, isPersistent } = storage
  const used = usedBytes === null || quotaBytes === null ? 'The browser does not tell.' : `${bytes(usedBytes)} of ${bytes(quotaBytes)}`
  return [
    ['Used', used],
    ['Persistent', isPersistent ? KEPT : NOT_KEPT],
  ]
}

export function showShortcuts(terminals: Terminals): void {
  const reader = h('input', { type: 'checkbox', id: 'reader', checked: recall('screen-reader') === 'on' })
  reader.addEventListener('change', () => {
    remember('screen-reader', reader.checked ? 'on' : null)
    terminals.readAloud(reader.checked)
  })
  tell(
    'Keyboard',
    h('h3', {}, 'Everywhere, also in the terminal'),
    keyTable(Object.values(shortcuts).map(({ key, what }) => [`Ctrl Shift ${key}`, what])),
    h('p', {}, 'All other keys go to the box while its terminal has the focus, Esc and Tab among them.'),
    h('h3', {}, 'In the timeline'),
    keyTable([
      ['↑ ↓', 'Choose a moment'],
      ['Enter', 'Restore it; on Now: take a snapshot'],
      ['B', 'Branch it into a box of its own'],
      ['Delete', 'Remove it'],
    ]),
    h('h3', {}, 'In lists'),
    keyTable([
      ['↑ ↓', 'Move'],
      ['Enter', 'Open'],
      ['Backspace', 'Up, in Files'],
      ['Delete', 'Remove, in Boxes'],
    ]),
    h('div', { class: 'field check' }, reader, h('label', { for: 'reader' }, 'Tell screen readers what the terminal shows (slower)')),
  )
}

function keyTable(rows: readonly (readonly [keys: string, what: string])[]): Node {
  const keys = (names: string): Node => h('dt', {}, ...names.split(' ').flatMap((name) => [h('kbd', {}, name), ' ']))
  return h('dl', { class: 'keys' }, ...rows.flatMap(([names, what]) => [keys(names), h('dd', {}, what)]))
}
