import { open, realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BoxLiteError } from '../../../src/error.ts'
import { fileCall } from '../file-call.ts'

const MARK = 'boxlite home '

/** Refuses to write anything in `directory` when that is inside a home: only the store may change what is there. */
export async function refuseInsideHome(directory: string): Promise<void> {
  for (let place = await fileCall('open', directory, realpath(directory)); ; place = dirname(place)) {
    if (await isHome(place)) {
      throw new BoxLiteError('invalid_argument', `${directory} is inside the boxlite home ${place}, where nothing else is written`, {
        remedy: "Write elsewhere; a stopped box's disk is written with 'boxlite disk write --box'.",
        facts: { directory, homeDir: place },
      })
    }
    if (dirname(place) === place) return
  }
}

/** Whether `directory` has the `format` file that every home has. One that cannot be read is no home of this user's. */
async function isHome(directory: string): Promise<boolean> {
  const handle = await open(join(directory, 'format'), 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') return null
    throw error
  })
  if (handle === null) return false
  try {
    if (!(await handle.stat()).isFile()) return false
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MARK.length), 0, MARK.length, 0)
    return buffer.toString('latin1', 0, bytesRead) === MARK
  } finally {
    await handle.close()
  }
}
