// The homes that this site has had, in a database of their own: so a home whose database was deleted is missed.

import { openDB, type DBSchema } from 'idb'
import { databaseError } from './database-error.ts'
import { heard } from './heard.ts'
import type { HomeFormat } from './schema.ts'

interface KnownHomes extends DBSchema {
  homes: { key: string; value: HomeFormat }
}

/** What was known of a home until now; from now on it is `home`. */
export async function noteHome(database: string, home: HomeFormat): Promise<HomeFormat | null> {
  try {
    const homes = await openDB<KnownHomes>('boxlite-homes', 1, {
      upgrade: (made, _from, _to, transaction) => {
        heard(transaction)
        made.createObjectStore('homes')
      },
    })
    try {
      const transaction = heard(homes.transaction('homes', 'readwrite', { durability: 'strict' }))
      const known = (await transaction.store.get(database)) ?? null
      if (home.id !== known?.id) await transaction.store.put(home, database)
      await transaction.done
      return known
    } finally {
      homes.close()
    }
  } catch (error) {
    throw databaseError(error, 'look up the homes of this site')
  }
}
