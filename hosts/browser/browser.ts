// `boxlite/browser`: the package, and what only pages can use.

export * from './index.ts'
export { archiveBlob, archiveStream } from './archive-blob.ts'
export { askToPersist, readStorageState, type StorageState } from './store/storage-state.ts'
export type { TakeOverOptions } from './store/take-over.ts'
export { lostHome, takeOver } from './tab-home.ts'
