// Broken hosts, to check the checker: performers that carry one kind of effect out wrongly and say "ok",
// and a store that leaves one of its syncs out. Each must be caught somewhere, or stand in `SURVIVORS`.

import type { Held, LayerFile, Store } from '../../src/host.ts'
import type { MachineControl } from '../../src/perform.ts'
import type { Call, Hook } from './crash-fs.ts'
import type { Run, Wrappers } from './run.ts'

export interface Mutant {
  readonly name: string
  readonly wrap: (run: Run, wrappers: Wrappers) => Wrappers
}

/** What a performer is asked for that has no answer but "ok", so that it can be held back or left out. */
const STORE_EFFECTS = ['commitRecord', 'removeRecord', 'publishLayer', 'syncDirectory', 'remove'] as const
const LAYER_EFFECTS = ['write', 'truncate', 'sync'] as const
const MACHINE_EFFECTS = ['freeze', 'pause', 'drain', 'flush', 'switchTo', 'resume', 'thaw', 'kill'] as const
const LOCKS = ['box', 'home', 'name'] as const

const KINDS = [
  ...STORE_EFFECTS.map((effect) => `store ${effect}`),
  ...LAYER_EFFECTS.map((effect) => `layer ${effect}`),
  ...MACHINE_EFFECTS.map((effect) => `machine ${effect}`),
]
const EFFECTS: ReadonlySet<string> = new Set(KINDS)

/** Does one kind of effect after the next one, or never. */
class Disorder {
  readonly #kind: string
  readonly #drop: boolean
  #held: (() => Promise<unknown>) | null = null

  constructor(kind: string, drop: boolean) {
    this.#kind = kind
    this.#drop = drop
  }

  async pass<T>(kind: string, act: () => Promise<T>): Promise<T> {
    if (!EFFECTS.has(kind)) return act()
    const held = this.#held
    if (kind === this.#kind && held === null) {
      if (!this.#drop) this.#held = act
      return undefined as T
    }
    this.#held = null
    const result = await act()
    await held?.()
    return result
  }

  /** The operation was answered, and no effect came after the one that is held. */
  async late(): Promise<void> {
    const held = this.#held
    this.#held = null
    await held?.()
  }
}

/** Every call of `target` passes `disorder`; reading, opening and closing are no effects and are called as they are. */
function disordered<T extends object>(
  target: T,
  disorder: Disorder,
  kindOf: (method: string) => string,
  result: (value: unknown) => unknown = (value) => value,
): T {
  return new Proxy(target, {
    get(_target, key): unknown {
      const member = Reflect.get(target, key) as unknown
      if (typeof member !== 'function') return member
      return async (...parameters: unknown[]) => {
        const act = async (): Promise<unknown> => (member as (...all: unknown[]) => Promise<unknown>).apply(target, parameters)
        return result(await disorder.pass(kindOf(String(key)), act))
      }
    },
  })
}

function disorderedHost(wrappers: Wrappers, kind: string, drop: boolean): Wrappers {
  const disorder = new Disorder(kind, drop)
  const layer = (value: unknown): unknown => (isLayer(value) ? disordered<LayerFile>(value, disorder, (method) => `layer ${method}`) : value)
  return {
    ...wrappers,
    store: (store: Store) => disordered(store, disorder, (method) => `store ${method}`, layer),
    machines: (machines: MachineControl) => disordered(machines, disorder, (method) => `machine ${method}`),
    late: () => disorder.late(),
  }
}

function isLayer(value: unknown): value is LayerFile {
  return typeof value === 'object' && value !== null && 'truncate' in value
}

/** A performer that has a kind of lock whether or not somebody else has it. */
function unlocked(wrappers: Wrappers, kind: string): Wrappers {
  const free: Held = { isHeld: () => true, release: async () => undefined }
  const store = (store: Store): Store =>
    new Proxy(store, {
      get(_target, key): unknown {
        const member = Reflect.get(store, key) as unknown
        if (typeof member !== 'function') return member
        if (key !== 'lock') return member.bind(store) as unknown
        return async (scope: Parameters<Store['lock']>[0]) => (scope.kind === kind ? free : store.lock(scope))
      },
    })
  return { ...wrappers, store }
}

/** Answers "ok" to the syncs that match, without syncing. */
function unsynced(wrappers: Wrappers, matches: (call: Call) => boolean): Wrappers {
  const inner = wrappers.hook ?? null
  const hook: Hook = (call, act) => {
    if (matches(call)) return undefined as ReturnType<typeof act>
    return inner === null ? act() : inner(call, act)
  }
  return { ...wrappers, hook }
}

/** Takes what a symbolic link leads to for what is there, as `stat` does and `lstat` does not. */
function followingLinks(wrappers: Wrappers): Wrappers {
  const inner = wrappers.hook ?? null
  const hook: Hook = async (call, act) => {
    const answer = inner === null ? await act() : await inner(call, act)
    return call.name === 'kind' && answer === 'other' ? ('directory' as typeof answer) : answer
  }
  return { ...wrappers, hook }
}

const SYNCS: Readonly<Record<string, (call: Call) => boolean>> = {
  'the file of a record': (call) => call.name === 'sync' && /^(boxes|images)\//.test(call.path),
  'the file of a layer': (call) => call.name === 'sync' && /^layers\/[0-9a-f]+\.(qcow2|raw)$/.test(call.path),
  'the file of a merged layer': (call) => call.name === 'sync' && /^layers\/.*\.tmp$/.test(call.path),
  'the directory boxes': (call) => call.name === 'syncDirectory' && call.path === 'boxes',
  'the directory images': (call) => call.name === 'syncDirectory' && call.path === 'images',
  'the directory layers': (call) => call.name === 'syncDirectory' && call.path === 'layers',
}

export function mutants(): Mutant[] {
  return [
    ...KINDS.map((kind) => ({ name: `holds back ${kind}`, wrap: (_run: Run, wrappers: Wrappers) => disorderedHost(wrappers, kind, false) })),
    ...KINDS.map((kind) => ({ name: `leaves out ${kind}`, wrap: (_run: Run, wrappers: Wrappers) => disorderedHost(wrappers, kind, true) })),
    ...LOCKS.map((kind) => ({ name: `takes no lock on a ${kind}`, wrap: (_run: Run, wrappers: Wrappers) => unlocked(wrappers, kind) })),
    { name: 'looks through symbolic links', wrap: (_run: Run, wrappers: Wrappers) => followingLinks(wrappers) },
    ...Object.entries(SYNCS).map(([what, matches]) => ({
      name: `does not sync ${what}`,
      wrap: (_run: Run, wrappers: Wrappers) => unsynced(wrappers, matches),
    })),
  ]
}
