#!/usr/bin/env node
// The process of the command line: its streams, its signals, its exit code.

import { reportError } from './report-error.ts'
import { runCommandLine } from './run.ts'
import { Terminal, type EndingSignal } from './terminal.ts'

// A process that a signal ended is known by 128 and the signal's number; shells do the same.
const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
const SIGPIPE = 13

const terminal = new Terminal(process)
let endedBy: number | null = null
for (const [name, number] of Object.entries(signals) as [EndingSignal, number][]) {
  process.on(name, () => {
    // What runs in a box decides for itself what a signal means.
    if (terminal.pass(name)) return
    // Whoever asks twice does not want to wait; what is half-made is left to the next start's recovery.
    if (endedBy !== null) process.exit(128 + number)
    endedBy = number
    terminal.stop(name === 'SIGINT' ? 'interrupted' : `ended by ${name}`)
  })
}

// What nobody waits for can fail, too: a defect, told in one line as every other error.
process.on('uncaughtException', (error) => {
  for (const line of reportError(error, { json: process.argv.includes('--json'), debug: terminal.isDebugging })) terminal.tell(line)
  process.exit(1)
})

let code = await runCommandLine(terminal, process.argv.slice(2))
await terminal.finish()
const { outputError } = terminal
if (outputError !== null && outputError.code === 'EPIPE') code = 128 + SIGPIPE
else if (outputError !== null) {
  terminal.tell(`boxlite: cannot write standard output: ${outputError.message}`)
  code = 1
}
process.exitCode = endedBy === null ? code : 128 + endedBy
