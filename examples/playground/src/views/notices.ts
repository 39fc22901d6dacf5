// What went wrong, with what to do about it.

import type { App } from '../app.ts'
import { byId, draw, h } from '../dom.ts'
import { icon } from '../icons.ts'
import type { Notice } from '../model.ts'

export function noticesView(app: App): void {
  app.model.watch(
    ({ notices }) => [notices],
    ({ notices }) => draw(byId('notices'), ...notices.map((notice) => noticeOf(app, notice))),
  )
}

function noticeOf(app: App, { id, title, message, remedy, code, detail, action }: Notice): HTMLElement {
  const text = h(
    'div',
    { class: 'notice-text' },
    h('h3', {}, title, code === null ? null : h('code', {}, code)),
    h('p', {}, message),
    remedy === null ? null : h('p', { class: 'remedy' }, remedy),
    detail === null ? null : h('details', {}, h('summary', {}, 'Console of the guest'), h('pre', { tabindex: 0 }, detail)),
  )
  const dismiss = (): void => app.dismiss(id)
  const act = (): void => {
    dismiss()
    action?.run()
  }
  return h(
    'section',
    { class: 'notice', 'aria-label': title },
    text,
    action === null ? null : h('button', { 'data-key': `act-${id}`, onclick: act }, action.label),
    h(
      'button',
      { class: 'quiet icon-only', 'data-key': `dismiss-${id}`, 'data-fallback': true, 'aria-label': `Dismiss: ${title}`, onclick: dismiss },
      icon('close'),
    ),
  )
}
