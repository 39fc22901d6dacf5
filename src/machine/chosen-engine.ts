// Which engine runs the boxes of a home: the one that was asked for, or the best that works here.

import type { BoxSettings } from '../box-settings.ts'
import type { Accelerator, Engine, EngineCapabilities, EngineName, EngineProtection, EngineRefusal, EngineStatus } from '../engine.ts'
import { BoxLiteError } from '../error.ts'

/** The engine that boxes are started with, and why not a better one. */
export interface EngineInfo {
  /** Null: none works here, `refused` says why; or none was wanted. */
  readonly name: EngineName | null
  readonly accelerator: Accelerator | null
  /** Version of the program or package behind it, where it was found. */
  readonly version: string | null
  readonly capabilities: EngineCapabilities
  /** What stands between the guest and this machine, beside the virtual machine itself. */
  readonly protections: readonly EngineProtection[]
  /** What would have been better and does not work here. */
  readonly refused: readonly EngineRefusal[]
}

export interface ChosenEngine {
  readonly engine: Engine
  readonly info: EngineInfo
}

const NOTHING: EngineCapabilities = { maxCpus: 0, minMemoryMib: 0, maxMemoryMib: 0, detach: false, liveSnapshot: false }

/** Tries the engines in their order and takes the first that works; `engine` is null where none does. */
export async function chooseEngine(engines: readonly Engine[]): Promise<ChosenEngine | { readonly engine: null; readonly info: EngineInfo }> {
  const refused: EngineRefusal[] = []
  for (const engine of engines) {
    const status: EngineStatus = await engine.probe()
    refused.push(...status.refused)
    const { accelerator, version, capabilities, protections } = status
    if (accelerator !== null) return { engine, info: { name: engine.name, accelerator, version, capabilities, protections, refused } }
  }
  return { engine: null, info: { name: null, accelerator: null, version: null, capabilities: NOTHING, protections: [], refused } }
}

/** Why no box can be started, of each engine. */
export function engineUnavailable({ refused }: EngineInfo): BoxLiteError {
  const reasons = refused.map(({ engine, accelerator, reason }) => `${accelerator === null ? engine : `${engine} (${accelerator})`}: ${reason}`)
  const remedies = refused.flatMap(({ remedy }) => remedy ?? [])
  return new BoxLiteError('engine_unavailable', `No engine can run boxes here. ${reasons.join(' ')}`.trim(), {
    remedy: remedies[0] ?? "Open the home with an engine; 'boxlite doctor' says what works here.",
    facts: { refused },
  })
}

/** The engines to choose from: all, none, the one of a name, or one of the caller's own. */
export function wantedEngines(wanted: 'auto' | 'none' | EngineName | Engine, engines: readonly Engine[]): readonly Engine[] {
  if (wanted === 'auto') return engines
  if (wanted === 'none') return []
  if (typeof wanted === 'object' && wanted !== null) return [wanted]
  const found = engines.filter(({ name }) => name === wanted)
  if (found.length > 0) return found
  throw new BoxLiteError('invalid_argument', `There is no engine '${String(wanted)}'`, {
    remedy: `The engines are: ${['auto', 'none', ...engines.map(({ name }) => name)].join(', ')}.`,
    facts: { engine: wanted },
  })
}

/** Refuses what the engine cannot give: nothing is clamped. */
export function checkCapabilities({ info }: ChosenEngine, wanted: Pick<BoxSettings, 'cpus' | 'memoryMib' | 'detach'>): void {
  const { name, capabilities } = info
  const { maxCpus, minMemoryMib, maxMemoryMib } = capabilities
  const { cpus = 1, memoryMib = minMemoryMib, detach = false } = wanted
  const refuse = (message: string, facts: Readonly<Record<string, unknown>>): never => {
    throw new BoxLiteError('unsupported', `${message} on the engine ${name}`, { remedy: 'Ask for what it can give, or use another engine.', facts })
  }
  if (cpus > maxCpus) refuse(`A box cannot have more than ${maxCpus} virtual processor${maxCpus === 1 ? '' : 's'}`, { cpus, maxCpus })
  if (memoryMib < minMemoryMib || memoryMib > maxMemoryMib) {
    refuse(`A box has from ${minMemoryMib} to ${maxMemoryMib} MiB of memory`, { memoryMib, minMemoryMib, maxMemoryMib })
  }
  if (detach && !capabilities.detach) refuse('A box cannot go on when the program that started it ends', { detach })
}
