// Everything that the public API needs of a platform, for one open home. Time, randomness and files by path each enter here.

import type { Codec } from './disk/codec.ts'
import type { Engine } from './engine.ts'
import type { HostFiles } from './files/host-files.ts'
import type { Guest } from './guest.ts'
import type { LayerFile, Store } from './host.ts'
import type { AssetProgress, CallOptions } from './progress.ts'

/** What the machines of boxes leave in a home: what their consoles said, ways to reach them. */
export interface MachineFiles {
  /** Ids of the boxes that something is left of. */
  list(store: Store): Promise<string[]>
  /** Removes what only a machine needs, of a box that has none. */
  tidy(store: Store, boxId: string): Promise<void>
  /** Removes everything that is left of a box, which is gone; nothing where there is nothing. */
  remove(store: Store, boxId: string): Promise<void>
}

export interface BoxHost {
  /** Opens a home, or makes it; undefined: the platform's own place for it. */
  openStore(homeDir: string | undefined): Promise<Store>
  readonly codec: Codec
  /** 32 random lower-case hex digits. */
  newId(): string
  randomBytes(length: number): Uint8Array
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Opens a file of this machine for reading, by its path. Absent where programs have no files. */
  openFile?(path: string): Promise<LayerFile>
  /** Files and directories of this machine, to copy from and to. Absent where programs have none. */
  readonly files?: HostFiles
  /** What runs machines here, the best first. */
  readonly engines: readonly Engine[]
  /**
   * What the console of a box's machine said that this program does not run, or that has ended; as far as it was kept, oldest first.
   * Until `isOver` also what it says from now on.
   */
  readConsole?(store: Store, boxId: string, isOver: () => Promise<boolean>): AsyncIterable<Uint8Array>
  /** What machines leave in a home beside records and layers. Absent where they leave nothing. */
  readonly machineFiles?: MachineFiles
  /** Has `giveUp` called when another program asks for a box of this one, until the store is closed. Absent where programs cannot ask. */
  watchTakers?(giveUp: (boxId: string) => Promise<void>): void
  /** Finds the guest's files; `engine_unavailable` says how to get them. Progress is told where they have to come from afar. */
  findGuest(options?: CallOptions<AssetProgress>): Promise<Guest>
}
