// Which names a store takes. A name that passes is one plain component of a path: nothing that a record, an
// archive or a caller says can lead out of the home.

import { BoxLiteError } from '../error.ts'
import type { Directory } from '../host.ts'

const NAME_LIMIT = 255
export const RECORD_SUFFIX = '.json'
export const TEMPORARY_SUFFIX = '.tmp'

/** The id of a record: what stands before `.json`. */
export function checkRecordId(id: string): string {
  if (!/^[0-9a-z][0-9a-z-]{0,127}$/.test(id)) throw badName(id, 'is not the id of a record')
  return id
}

/** `<32 hex>.qcow2`, `<32 hex>.raw`, or a temporary layer: `<32 hex>[.<more>].tmp`. */
export function checkLayerName(name: string): string {
  if (!/^[0-9a-f]{32}(\.(qcow2|raw)|(\.[0-9a-z-]{1,64})*\.tmp)$/.test(name)) throw badName(name, 'is not the name of a layer')
  return name
}

export function checkTemporaryName(name: string): string {
  if (!name.endsWith(TEMPORARY_SUFFIX)) throw badName(name, 'is not the name of a temporary layer')
  return checkLayerName(name)
}

/** Whether a layer has this name for good: `<32 hex>.qcow2` or `<32 hex>.raw`. */
export function isLayerName(name: string): boolean {
  return /^[0-9a-f]{32}\.(qcow2|raw)$/.test(name)
}

/** The format of a layer, which its name says: it is never found out from what a guest may have written. */
export function layerFormat(name: string): 'qcow2' | 'raw' {
  return name.endsWith('.raw') ? 'raw' : 'qcow2'
}

/** Any one component of a path, as a directory may list it: no separator, no way up, no NUL. */
export function checkPlainName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name) || name.length > NAME_LIMIT) {
    throw badName(name, 'is not a plain file name')
  }
  return name
}

/** A name that `Store.remove` takes: anything plain but a record, which has its own conditions. */
export function checkRemovable(directory: Directory, name: string): string {
  if ((directory === 'boxes' || directory === 'images') && name.endsWith(RECORD_SUFFIX)) {
    throw badName(name, 'is a record, which goes by removeRecord')
  }
  return checkPlainName(name)
}

function badName(name: string, why: string): BoxLiteError {
  return new BoxLiteError('invalid_argument', `${JSON.stringify(name)} ${why}`, { facts: { name } })
}
