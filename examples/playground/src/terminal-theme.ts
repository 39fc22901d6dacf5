// The terminals' colours, in step with style/tokens.css. xterm.js makes every pair readable (minimumContrastRatio).

import type { ITheme } from '@xterm/xterm'
import { isDark } from './theme.ts'

const light: ITheme = {
  background: '#fdfcfa',
  foreground: '#22262c',
  cursor: '#22262c',
  cursorAccent: '#fdfcfa',
  selectionBackground: '#cfe0e6',
  black: '#22262c',
  red: '#b3261e',
  green: '#256d3f',
  yellow: '#855b00',
  blue: '#1f5fa8',
  magenta: '#8a3b8f',
  cyan: '#0f6b75',
  white: '#6a6f78',
  brightBlack: '#6a6f78',
  brightRed: '#c7362d',
  brightGreen: '#2f7d4b',
  brightYellow: '#936800',
  brightBlue: '#2f6fbb',
  brightMagenta: '#9a4a9f',
  brightCyan: '#1a7a85',
  brightWhite: '#22262c',
}

const dark: ITheme = {
  background: '#121417',
  foreground: '#dcdad5',
  cursor: '#dcdad5',
  cursorAccent: '#121417',
  selectionBackground: '#2f4650',
  black: '#3a3f47',
  red: '#f0857c',
  green: '#86c79a',
  yellow: '#d9b870',
  blue: '#85b4e8',
  magenta: '#cf9bd4',
  cyan: '#7cc4cd',
  white: '#dcdad5',
  brightBlack: '#8a8f98',
  brightRed: '#f7a49d',
  brightGreen: '#a3d8b3',
  brightYellow: '#e6cc92',
  brightBlue: '#a6c9ef',
  brightMagenta: '#ddb6e1',
  brightCyan: '#9dd6dd',
  brightWhite: '#f4f2ee',
}

export function terminalTheme(): ITheme {
  return isDark() ? dark : light
}
