// Where the worker of a machine finds the layers of its box: the database, and the lock of the box as its page holds it.

import type { Fence } from './database.ts'

export interface Place {
  readonly database: string
  readonly homeId: string
  readonly fence: Fence
}

export const writePlace = (place: Place): string => JSON.stringify(place)

export const readPlace = (text: string): Place => JSON.parse(text) as Place
