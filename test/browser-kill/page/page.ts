// The page: functions that the test calls by name.

import { isBoxLiteError } from '../../../src/error.ts'
import { Lab } from './lab.ts'

declare global {
  /** Calls a function of the lab by its name. */
  function answer(name: string, args: readonly unknown[]): Promise<unknown>
}

const lab = new Lab() as unknown as Record<string, (...args: unknown[]) => unknown>

/** Errors go out as plain objects. */
globalThis.answer = async (name, args) => {
  try {
    return { value: await lab[name]!(...args) }
  } catch (error) {
    if (isBoxLiteError(error)) {
      // What the guest said to the end helps whoever reads the test's report.
      const console = typeof error.facts['console'] === 'string' ? `\n${error.facts['console']}` : ''
      return { error: { code: error.code, message: error.message + console, remedy: error.remedy } }
    }
    return { error: { code: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error) } }
  }
}
