import type { Execution } from '../../src/exec/execution.ts'

/** Reads what a shell says until its prompt stands there; resolves with the reader. */
export async function untilPrompt(shell: Execution<string>): Promise<ReadableStreamDefaultReader<string>> {
  const reader = shell.stdout.getReader()
  // Behind it stands a question for where the cursor is.
  for (let said = ''; !said.includes('# '); ) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`The shell ended: ${said}`)
    said += value
  }
  return reader
}
