import type { BoxLite } from '../../src/boxlite.ts'

export const BLOCK_BYTES: number

export function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string>

export function work(options: {
  readonly lite: BoxLite
  readonly own: string
  readonly shared: string
  /** Of the names it gives; unique to this worker. */
  readonly prefix: string
  /** A random whole number below `limit`. */
  readonly below: (limit: number) => number
  readonly say: (...words: readonly (string | number)[]) => void | Promise<void>
}): Promise<never>
