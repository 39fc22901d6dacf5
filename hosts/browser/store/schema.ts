// What the database of a home holds; docs/format.md has the same in words.

import type { DBSchema, IDBPDatabase, IDBPObjectStore, IDBPTransaction, StoreNames } from 'idb'

/** The version of the database's layout. */
export const DATABASE_VERSION = 1

/** A layer's file is kept in pages, or a whole block of them as one value. */
export const PAGE_BYTES = 16 * 1024
export const BLOCK_PAGES = 64
export const BLOCK_BYTES = PAGE_BYTES * BLOCK_PAGES

/** Which database this is: another one of the same name has another id. */
export interface HomeFormat {
  /** 32 random hex digits. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly madeAt: number
}

/**
 * A layer's file. It is there before its first chunk and goes after its last. `new`: being built, not synced yet. `gone`: it has
 * lost its name, and goes as soon as nobody has it open.
 */
export interface LayerRow {
  readonly name?: string
  readonly lengthBytes: number
  readonly state: 'new' | 'kept' | 'gone'
}

/** Number of the file; number of the block; 0 for a whole block, or 1 and up for a page of it, which lies over the block. */
export type ChunkKey = [file: number, block: number, part: number]

export interface HomeSchema extends DBSchema {
  home: { key: string; value: HomeFormat }
  boxes: { key: string; value: Uint8Array }
  images: { key: string; value: Uint8Array }
  layers: { key: number; value: LayerRow; indexes: { name: string } }
  /** Shorter than the place it is for: the rest is zeros. */
  chunks: { key: ChunkKey; value: Uint8Array }
  states: { key: string; value: Uint8Array }
  /** The epoch of whoever took the box's lock last. */
  owners: { key: string; value: string }
}

export type Table = StoreNames<HomeSchema>
export type Connection = IDBPDatabase<HomeSchema>
export type Reading = IDBPTransaction<HomeSchema, Table[], 'readonly'>
export type Writing = IDBPTransaction<HomeSchema, Table[], 'readwrite'>
export type ReadableTable<Name extends Table> = IDBPObjectStore<HomeSchema, Table[], Name, 'readonly'>
export type WritableTable<Name extends Table> = IDBPObjectStore<HomeSchema, Table[], Name, 'readwrite'>

/** Makes the object stores of a new database. */
export function makeTables(database: Connection): void {
  for (const table of ['home', 'boxes', 'images', 'states', 'owners', 'chunks'] as const) database.createObjectStore(table)
  database.createObjectStore('layers', { autoIncrement: true }).createIndex('name', 'name', { unique: true })
}
