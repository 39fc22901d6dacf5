import { isBoxLiteError } from '../../src/error.ts'
import { fileError } from '../../src/store/file-error.ts'

/** A call of `node:fs/promises` whose failure becomes the package's error: `action` is a verb, `path` what it is done to. */
export async function fileCall<T>(action: string, path: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw asFileError(error, action, path)
  }
}

/** An error of `node:fs` as the package's; any other as it is. */
export function asFileError(error: unknown, action: string, path: string): unknown {
  const { code } = error as NodeJS.ErrnoException
  return code === undefined || isBoxLiteError(error) ? error : fileError(code, action, path, error)
}
