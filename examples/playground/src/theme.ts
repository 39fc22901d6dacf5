// Light or dark: what the system says, until somebody says otherwise.

import { recall, remember } from './memory.ts'

const root = document.documentElement

export function isDark(): boolean {
  const { theme } = root.dataset
  return theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark'
}

/** Applies what was chosen on an earlier visit. */
export function applyTheme(): void {
  const chosen = recall('theme')
  if (chosen === 'light' || chosen === 'dark') root.dataset['theme'] = chosen
}

/** Turns to the other one. Where that is what the system has, nothing is chosen any more. */
export function toggleTheme(): void {
  const next = isDark() ? 'light' : 'dark'
  const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  if (next === system) delete root.dataset['theme']
  else root.dataset['theme'] = next
  remember('theme', next === system ? null : next)
}
