// A connection to the database of a home. The browser may close it at any time; the next call opens it again, and refuses where
// another database has the name by then.

import { openDB } from 'idb'
import { BoxLiteError } from '../../../src/error.ts'
import { databaseError, takenOver } from './database-error.ts'
import { heard } from './heard.ts'
import { DATABASE_VERSION, makeTables, type Connection, type HomeFormat, type Reading, type Table, type Writing } from './schema.ts'

/** A lock of a box as its owner got it: whoever takes the lock after has another epoch, and then this one's writes are refused. */
export interface Fence {
  readonly boxId: string
  /** Random; null where there was no room to write one, and that of the owner before was deleted. */
  readonly epoch: string | null
}

/** How long an open waits for tabs that hold the database back. */
const OPEN_MS = 10_000

export class Database {
  readonly name: string
  /** Null: whichever is found. */
  #homeId: string | null
  readonly #openMs: number
  #connection: Promise<Connection> | null = null
  #uses = 0
  #isUnwanted = false
  #isClosed = false

  /** `homeId`: which database it has to be; null: that is found out by `home` or `makeHome`. */
  constructor(name: string, homeId: string | null = null, openMs: number = OPEN_MS) {
    this.name = name
    this.#homeId = homeId
    this.#openMs = openMs
  }

  get homeId(): string {
    return this.#homeId ?? ''
  }

  /** What the home says of itself; null where there is none yet. */
  async home(): Promise<HomeFormat | null> {
    const home = await this.read('read the home', ['home'], (transaction) => transaction.objectStore('home').get('home'))
    this.#homeId = home?.id ?? null
    return home ?? null
  }

  /** Makes the home, unless another tab has done so by now; what it says of itself. */
  async makeHome(made: HomeFormat): Promise<HomeFormat> {
    const home = await this.write('make the home', ['home'], [], async (transaction) => {
      const found = await transaction.objectStore('home').get('home')
      if (found === undefined) await transaction.objectStore('home').add(made, 'home')
      return found ?? made
    })
    this.#homeId = home.id
    return home
  }

  /** Runs `work` in a transaction that only reads. It awaits nothing but the transaction. */
  async read<T>(action: string, tables: Table[], work: (transaction: Reading) => Promise<T>): Promise<T> {
    const connection = await this.#connect()
    try {
      return await work(heard(connection.transaction(tables, 'readonly')))
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

  /** Until the function that this returns is called, another tab that wants to delete the database waits. */
  use(): () => void {
    this.#uses++
    return () => {
      this.#uses--
      this.#giveWay()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#disconnect()
  }

  #connect(): Promise<Connection> {
    if (this.#isClosed) throw new BoxLiteError('invalid_state', 'This store is closed')
    this.#connection ??= this.#open()
    return this.#connection
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection
    this.#connection = null
    // One that could not be opened needs no closing; whoever wanted it has heard why.
    const opened = await connection?.catch(() => null)
    opened?.close()
  }

  /** Lets another tab have the database that wants to delete it, or a newer boxlite there that wants to change it. */
  #giveWay(): void {
    if (!this.#isUnwanted || this.#uses > 0) return
    this.#isUnwanted = false
    void this.#disconnect()
  }

  async #open(): Promise<Connection> {
    try {
      const connection = await this.#inTime(
        openDB(this.name, DATABASE_VERSION, {
          upgrade: (made, _from, _to, transaction) => {
            heard(transaction)
            makeTables(made)
          },
          blocking: () => {
            this.#isUnwanted = true
            this.#giveWay()
          },
          terminated: () => {
            this.#connection = null
          },
        }),
      )
      await this.#checkHome(connection).catch((error: unknown) => {
        connection.close()
        throw error
      })
      return connection
    } catch (error) {
      this.#connection = null
      throw openError(error, this.name)
    }
  }

  /** `opening`, or `busy` where it takes too long: it waits for tabs that keep the database. */
  async #inTime(opening: Promise<Connection>): Promise<Connection> {
    let timer: number | undefined
    const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), this.#openMs)))
    const connection = await Promise.race([opening, late])
    clearTimeout(timer)
    if (connection !== null) return connection
    // Should it open after all, it is in nobody's way.
    opening.then((opened) => opened.close()).catch(() => undefined)
    throw new BoxLiteError('busy', `The database '${this.name}' is being deleted or changed, and another tab keeps it open`, {
      remedy: 'Close the other tabs of this site, then try again.',
      facts: { database: this.name },
    })
  }

  /** After a break, or in a worker: whether this is the database that is meant. */
  async #checkHome(connection: Connection): Promise<void> {
    if (this.#homeId === null) return
    const home = await heard(connection.transaction(['home'], 'readonly')).objectStore('home').get('home')
    if (home?.id === this.#homeId) return
    throw new BoxLiteError('not_found', `The database '${this.name}' was deleted while it was in use, and its boxes with it`, {
      remedy: 'Open the home again to begin with an empty one, and import the boxes that were exported.',
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
  const done = await work().then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  )
  if ('result' in done) {
    const failure = await ended
    if (failure !== null) throw failure.error
    return done.result
  }
  let { error } = done
  try {
    transaction.abort()
  } catch {
    // It has ended before, which made `work` fail, and says why.
    error = (await ended)?.error ?? error
  }
  await ended
  throw error
}

async function checkFences(transaction: Writing, fences: readonly Fence[]): Promise<void> {
  for (const { boxId, epoch } of fences) {
    if (((await transaction.objectStore('owners').get(boxId)) ?? null) !== epoch) throw takenOver(boxId)
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
  if (error instanceof Error && error.name === 'SecurityError') {
    return new BoxLiteError('unsupported', 'The browser lets this page keep nothing', {
      remedy: 'Allow this site to keep data (in most browsers the setting speaks of cookies), and open the page by itself, not in a frame.',
      facts: { database },
      cause: error,
    })
  }
  return databaseError(error, `open the database '${database}'`)
}
