// Questions to the user, each in a dialog that the browser keeps the focus in; Esc says no.

import { h } from './dom.ts'

export interface Field {
  readonly name: string
  readonly label: string
  readonly value?: string
  /** What may be chosen; without it the value is typed. */
  readonly choices?: readonly { readonly value: string; readonly label: string }[]
  readonly kind?: 'text' | 'number' | 'checkbox'
  readonly min?: number
  readonly max?: number
  readonly required?: boolean
  readonly hint?: string
}

export interface Question {
  readonly title: string
  readonly text?: string
  readonly fields?: readonly Field[]
  /** What the button says that does it. */
  readonly confirm: string
  readonly danger?: boolean
}

/** Asks; null: no. The answers are by field; a checkbox says `on` or nothing. */
export function ask({ title, text, fields = [], confirm, danger = false }: Question): Promise<Readonly<Record<string, string>> | null> {
  const cancel = h('button', { type: 'submit', value: '', formnovalidate: true }, 'Cancel')
  const yes = h('button', { type: 'submit', value: 'yes', class: danger ? 'danger' : 'primary' }, confirm)
  const form = h(
    'form',
    { method: 'dialog' },
    h('h2', { id: 'dialog-title' }, title),
    text === undefined ? null : h('p', {}, text),
    ...fields.map(fieldRow),
    // The confirming button is first, so that Enter in a field means it; the style sheet puts it last.
    h('div', { class: 'dialog-actions' }, yes, cancel),
  )
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' }, form)
  return new Promise((resolve) => {
    opened(dialog, () => {
      const answers = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]))
      resolve(dialog.returnValue === 'yes' ? answers : null)
    })
    const first = form.querySelector<HTMLInputElement>('input:not([type=checkbox])')
    if (first === null) (danger ? cancel : yes).focus()
    else first.select()
  })
}

/** Shows something until it is closed. */
export function tell(title: string, ...content: readonly Node[]): HTMLDialogElement {
  const close = h('button', { type: 'submit', class: 'primary' }, 'Close')
  const head = h('h2', { id: 'dialog-title' }, title)
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title', class: 'wide' }, head, ...content)
  dialog.append(h('form', { method: 'dialog', class: 'dialog-actions' }, close))
  opened(dialog, () => {})
  close.focus()
  return dialog
}

function fieldRow({ name, label, value = '', choices, kind = 'text', min, max, required = true, hint }: Field): HTMLElement {
  const id = `field-${name}`
  const described = hint === undefined ? null : `${id}-hint`
  const common = { id, name, 'aria-describedby': described }
  const input =
    choices === undefined
      ? h('input', kind === 'checkbox'
        ? { ...common, type: kind, checked: value === 'on' }
        : { ...common, type: kind, value, min, max, required, autocomplete: 'off', spellcheck: 'false' })
      : h('select', common, ...choices.map((choice) => h('option', { value: choice.value, selected: choice.value === value }, choice.label)))
  const words = h('label', { for: id }, label)
  const help = described === null ? null : h('small', { id: described }, hint ?? '')
  return h('div', { class: kind === 'checkbox' ? 'field check' : 'field' }, ...(kind === 'checkbox' ? [input, words] : [words, input]), help)
}

/**
 * Opens a dialog; when it is closed it goes away and the focus returns to where it was. One at a time: whoever clicks twice is asked
 * once, and the second time is closed before it was opened.
 */
function opened(dialog: HTMLDialogElement, onClose: () => void): void {
  if (document.querySelector('dialog[open]') !== null) return onClose()
  const before = document.activeElement
  dialog.addEventListener('close', () => {
    dialog.remove()
    if (before instanceof HTMLElement && before.isConnected) before.focus()
    onClose()
  })
  document.body.append(dialog)
  dialog.showModal()
}
