// The error for compressed data that does not inflate to one cluster.

import { BoxLiteError } from '../error.ts'

/** A `corrupt` error that says why a compressed cluster cannot be read. */
export function badCluster(method: 'deflate' | 'zstd', reason: string, cause?: unknown): BoxLiteError {
  return new BoxLiteError('corrupt', `a compressed cluster cannot be read: ${reason}`, { facts: { field: 'compressed_cluster', method }, cause })
}
