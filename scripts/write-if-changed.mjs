import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Writes a generated file, unless it says the same already: an unchanged file is not compiled again. */
export function writeIfChanged(path, text) {
  let previous = null
  try {
    previous = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause.code !== 'ENOENT') throw cause
  }
  if (previous === text) return
  // Written aside and renamed, so that a build running beside this one never reads half a module.
  writeFileSync(`${path}.${process.pid}`, text)
  renameSync(`${path}.${process.pid}`, path)
}
