// Paths in a box.

import { textField, type Field } from '../agent/fields.ts'
import { BoxLiteError } from '../error.ts'

/** The field of a path; `invalid_argument` for one that is not absolute. */
export function pathField(path: string, tag: number = 1): Field {
  if (typeof path === 'string' && path.startsWith('/') && !path.includes('\0')) return textField(tag, path)
  throw new BoxLiteError('invalid_argument', `'${path}' is not a path in a box`, {
    remedy: "Give an absolute path, such as '/tmp/file', without zero bytes.",
    facts: { path },
  })
}

/** The directory of a path, and the last part of its name; slashes at its end aside. */
export function splitGuestPath(path: string): { directory: string; name: string } {
  const whole = path.replace(/\/+$/, '')
  const slash = whole.lastIndexOf('/')
  return { directory: slash <= 0 ? '/' : whole.slice(0, slash), name: whole.slice(slash + 1) }
}

/** `directory/name`. */
export function joinGuestPath(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`
}
