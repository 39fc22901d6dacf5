// `boxlite/node`: the package, and what only programs with files can use.

export * from './index.ts'
export { readArchiveFile, writeArchiveFile } from './archive-file.ts'
export { openOldHome } from './old-home.ts'
