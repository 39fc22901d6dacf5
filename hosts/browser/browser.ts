// `boxlite/browser`: the package, and what only pages can use.

export * from './index.ts'
