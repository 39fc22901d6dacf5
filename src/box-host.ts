// Everything that the public API needs of a platform. Time, randomness and files by path each enter here.

import type { Codec } from './disk/codec.ts'
import type { LayerFile, Store } from './host.ts'

export interface BoxHost {
  /** Opens a home, or makes it; undefined: the platform's own place for it. */
  openStore(homeDir: string | undefined): Promise<Store>
  readonly codec: Codec
  /** 32 random lower-case hex digits. */
  newId(): string
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Opens a file of this machine for reading, by its path. Absent where programs have no files. */
  openFile?(path: string): Promise<LayerFile>
}
