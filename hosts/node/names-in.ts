import { readdir } from 'node:fs/promises'
import { isBoxLiteError } from '../../src/error.ts'
import { fileCall } from './file-call.ts'

/** The names in a directory; none where it is not there. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await fileCall('list', directory, readdir(directory))
  } catch (error) {
    if (isBoxLiteError(error, 'not_found')) return []
    throw error
  }
}
