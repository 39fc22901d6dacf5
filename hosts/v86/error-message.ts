// An error on its way from one thread to another: what a message can carry of it.

import { BoxLiteError, type ErrorCode, isBoxLiteError } from '../../src/error.ts'

export interface ErrorMessage {
  readonly code: ErrorCode
  readonly message: string
  readonly remedy: string | null
  readonly facts: Readonly<Record<string, string | number | boolean | null>>
}

export function encodeError(error: unknown): ErrorMessage {
  if (!isBoxLiteError(error)) {
    return { code: 'io', message: error instanceof Error ? `${error.name}: ${error.message}` : String(error), remedy: null, facts: {} }
  }
  const facts: Record<string, string | number | boolean | null> = {}
  for (const [name, value] of Object.entries(error.facts)) {
    facts[name] = value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : String(value)
  }
  return { code: error.code, message: error.message, remedy: error.remedy ?? null, facts }
}

export function decodeError({ code, message, remedy, facts }: ErrorMessage): BoxLiteError {
  return new BoxLiteError(code, message, { facts, ...(remedy !== null && { remedy }) })
}
