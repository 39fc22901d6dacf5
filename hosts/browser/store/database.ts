// A connection to the database of a home. The browser may close it at any time; the next call opens it again, and refuses where
// another database has the name by then.

import { openDB } from 'idb'
import { BoxLiteError } from '../../../src/error.ts'
import { databaseError } from './database-error.ts'
import { DATABASE_VERSION, makeTables, type Connection, type HomeFormat, type Reading, type Table, type Writing } from './schema.ts'

/** A lock of a box as its owner got it: whoever takes the lock after has a higher epoch, and then this one's writes are refused. */
export interface Fence {
  readonly boxId: string
  readonly epoch: number
}

export class Database {
  readonly name: string
  /** How many things are in use: while there are any, another tab that wants to delete the database waits. */
  uses = 0
  #connection: Promise<Connection> | null = null
  #homeId: string | null = null
  #isClosed = false

  constructor(name: string) {
    this.name = name
  }

  /** Connects, and makes the home where there is none; what it says of itself. */
  async open(newHome: HomeFormat): Promise<HomeFormat> {
    const connection = await this.#connect()
    const transaction = connection.transaction('home', 'readwrite', { durability: 'strict' })
    const found = await transaction.store.get('home')
    if (found === undefined) await transaction.store.add(newHome, 'home')
    await transaction.done
    const home = found ?? newHome
    this.#homeId = home.id
    return home
  }

  /** Runs `work` in a transaction that only reads. It awaits nothing but the transaction. */
  async read<T>(action: string, tables: Table[], work: (transaction: Reading) => Promise<T>): Promise<T> {
    const connection = await this.#connect()
    try {
      return await work(connection.transaction(tables, 'readonly'))
    } catch (error) {
      throw databaseError(error, action)
    }
  }

  /**
   * Runs `work` in one transaction and resolves when it is durable. Rejects with `busy`, having changed nothing, when a lock of
   * `fences` was taken from its owner.
   */
  async write<T>(action: string, tables: Table[], fences: readonly Fence[], work: (transaction: Writing) => Promise<T>): Promise<T> {
    const connection = await this.#connect()
    try {
      const all: Table[] = fences.length === 0 ? tables : [...tables, 'owners']
      const transaction = connection.transaction(all, 'readwrite', { durability: 'strict' })
      return await commit(transaction, () => Promise.all([work(transaction), checkFences(transaction, fences)]).then(([result]) => result))
    } catch (error) {
      throw databaseError(error, action)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const connection = this.#connection
    this.#connection = null
    // One that could not be opened needs no closing; whoever wanted it has heard why.
    ;(await connection?.catch(() => null))?.close()
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed) throw new BoxLiteError('invalid_state', 'This store is closed')
    this.#connection ??= this.#open()
    return this.#connection
  }

  async #open(): Promise<Connection> {
    const forget = (): void => {
      this.#connection = null
    }
    try {
      const connection = await openDB(this.name, DATABASE_VERSION, {
        upgrade: makeTables,
        blocking: (_current, _wanted, event) => {
          if (this.uses > 0) return
          forget()
          ;(event.target as IDBDatabase).close()
        },
        terminated: forget,
      })
      await this.#checkHome(connection)
      return connection
    } catch (error) {
      forget()
      throw openError(error, this.name)
    }
  }

  /** After a break: whether this is still the database that was open before. */
  async #checkHome(connection: Connection): Promise<void> {
    if (this.#homeId === null || (await connection.get('home', 'home'))?.id === this.#homeId) return
    connection.close()
    throw new BoxLiteError('not_found', `The database '${this.name}' was deleted while it was open, and its boxes with it`, {
      remedy: 'Open the home again to begin with an empty one, and import what was exported.',
      facts: { database: this.name },
    })
  }
}

/** Waits for the end of the transaction, also where `work` fails: then it is over when this rejects. */
async function commit<T>(transaction: Writing, work: () => Promise<T>): Promise<T> {
  const ended = transaction.done.then(
    () => null,
    (error: unknown) => ({ error }),
  )
  try {
    const result = await work()
    const failure = await ended
    if (failure !== null) throw failure.error
    return result
  } catch (error) {
    try {
      transaction.abort()
    } catch {
      // It has ended by itself, of what made `work` fail.
    }
    await ended
    throw error
  }
}

async function checkFences(transaction: Writing, fences: readonly Fence[]): Promise<void> {
  for (const { boxId, epoch } of fences) {
    if ((await transaction.objectStore('owners').get(boxId)) === epoch) continue
    throw new BoxLiteError('busy', `Box ${boxId} was taken over by another tab`, {
      remedy: 'Go on in the other tab, or take the box over again.',
      facts: { boxId, epoch },
    })
  }
}

function openError(error: unknown, database: string): BoxLiteError {
  if (error instanceof Error && error.name === 'VersionError') {
    return new BoxLiteError('unsupported', `The database '${database}' was made by a newer boxlite; this one knows version ${DATABASE_VERSION}`, {
      remedy: 'Reload the page to get the newer version.',
      facts: { database, known: DATABASE_VERSION },
      cause: error,
    })
  }
  return databaseError(error, `open the database '${database}'`)
}
