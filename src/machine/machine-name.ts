// What a machine's nonce says of it: which engine runs it, and how.

import type { Accelerator, Engine, EngineName } from '../engine.ts'
import { BoxLiteError } from '../error.ts'
import type { MachineRecord } from '../operation/record.ts'

/** The parts of a nonce, `<engine>-<accelerator>-<random>`. */
export function machineName({ nonce }: MachineRecord): { readonly engine: EngineName; readonly accelerator: Accelerator } {
  const [engine, accelerator] = nonce.split('-')
  return { engine: engine as EngineName, accelerator: accelerator as Accelerator }
}

/** The engine that runs the machine of a box's record; `unsupported` where this program has none of that name. */
export function engineOf(engines: readonly Engine[], boxId: string, machine: MachineRecord): Engine {
  const { engine: name } = machineName(machine)
  const engine = engines.find((candidate) => candidate.name === name)
  if (engine !== undefined) return engine
  throw new BoxLiteError('unsupported', `the machine of box '${boxId}' runs on an engine that this program does not have`, {
    remedy: 'Use the program that started it.',
    facts: { boxId, nonce: machine.nonce },
  })
}

/** Whether the machine lives, or may live: of an engine that this program does not have nothing is known. */
export async function livesAnywhere(engines: readonly Engine[], machine: MachineRecord): Promise<boolean> {
  const { engine: name } = machineName(machine)
  return (await engines.find((candidate) => candidate.name === name)?.lives(machine)) ?? true
}
