import { fileError } from '../../src/store/file-error.ts'

/** A call of `node:fs/promises` whose failure becomes the package's error: `action` is a verb, `path` what it is done to. */
export async function fileCall<T>(action: string, path: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code
    throw errno === undefined ? error : fileError(errno, action, path, error)
  }
}
