// Crashed homes kept in a file: pages once each, files as lists of pages. And one suite that recovers
// every one of them on a host and says what tree comes out, so that hosts can be compared.

import type { Core } from '../../src/core/core.ts'
import { isBoxLiteError } from '../../src/error.ts'
import type { Store } from '../../src/host.ts'
import { adoptBox } from '../../src/legacy/adopt.ts'
import type { OldFiles } from '../../src/legacy/old-files.ts'
import { perform, type MachineControl } from '../../src/perform.ts'
import { Content, PAGE_BYTES, type Page } from './content.ts'
import { Names, ROOT, type World } from './world.ts'

/** A file: its length, and pairs of page number and page. */
type FileEntry = readonly [lengthBytes: number, ...pages: (readonly [index: number, page: number])[]]

export interface CorpusHome {
  /** Which operation was cut, and by what. */
  readonly name: string
  readonly files: Readonly<Record<string, FileEntry>>
  /** SHA-256 of the tree that recovery and collection leave, and of how the box of an old home beside it was adopted. */
  readonly recovered: string
}

export interface Corpus {
  /** Base64 without trailing zeros; `=xxxxxxxx` is a page of that word, repeated. */
  readonly pages: readonly string[]
  readonly homes: readonly CorpusHome[]
}

/** Files of a home by path; the directories of an old home beside it, which end in a slash. */
export type Tree = ReadonlyMap<string, Uint8Array>

export class CorpusWriter {
  readonly #numbers = new Map<Page, number>()
  readonly #pages: string[] = []
  readonly #homes: CorpusHome[] = []

  get size(): number {
    return this.#homes.length
  }

  add(name: string, world: World, recovered: string): void {
    const files: Record<string, FileEntry> = {}
    for (const [path, content] of filesOf(world)) {
      const pages = [...content.clip().pages].sort(([a], [b]) => a - b)
      files[path] = [content.length, ...pages.map(([index, page]) => [index, this.#number(page)] as const)]
    }
    this.#homes.push({ name, files, recovered })
  }

  get corpus(): Corpus {
    return { pages: this.#pages, homes: this.#homes }
  }

  #number(page: Page): number {
    let number = this.#numbers.get(page)
    if (number === undefined) {
      number = this.#pages.length
      this.#numbers.set(page, number)
      this.#pages.push(encodePage(page.bytes))
    }
    return number
  }
}

function encodePage(bytes: Uint8Array): string {
  const word = bytes.slice(0, 4)
  if (bytes.length === PAGE_BYTES && bytes.every((byte, i) => byte === word[i & 3])) {
    return `=${Array.from(word, (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  }
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

function decodePage(text: string): Uint8Array {
  if (text.startsWith('=')) return new Uint8Array(PAGE_BYTES).map((_, i) => Number.parseInt(text.slice(1 + (i & 3) * 2, 3 + (i & 3) * 2), 16))
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

/** The files of a home of the corpus. */
export function treeOf(corpus: Corpus, home: CorpusHome): Map<string, Uint8Array> {
  return new Map(
    Object.entries(home.files).map(([path, [length, ...pages]]) => {
      let content = Content.EMPTY
      for (const [index, page] of pages) content = content.write(index * PAGE_BYTES, decodePage(corpus.pages[page]!))
      return [path, content.resize(length).bytes()]
    }),
  )
}

/** The directories that every home has. */
export const HOME_DIRECTORIES: readonly string[] = ['boxes', 'images', 'layers', 'states']

/** Every file of a world, by path, and every directory that not every home has. */
export function filesOf(world: World): Map<string, Content> {
  const files = new Map<string, Content>()
  const walk = (node: number, path: string): void => {
    for (const [name, child] of world.names(node).entries) {
      const state = world.node(child).now
      if (state instanceof Names) {
        if (path !== '' || !HOME_DIRECTORIES.includes(name)) files.set(`${path}${name}/`, Content.EMPTY)
        walk(child, `${path}${name}/`)
      } else if (state instanceof Content) files.set(path + name, state)
    }
  }
  walk(ROOT, '')
  return files
}

/** SHA-256 over each file's path, length and pages; zeros are left out, as most of a layer is zeros. */
export async function digestTree(tree: Tree, adopted = ''): Promise<string> {
  const parts = await Promise.all(
    [...tree.keys()].sort().map(async (path) => {
      const bytes = tree.get(path)!
      const runs = runsOf(bytes)
      const digests = await Promise.all(runs.map(({ offset, length }) => crypto.subtle.digest('SHA-256', bytes.slice(offset, offset + length))))
      return `${path} ${bytes.length} ${runs.map(({ offset }, i) => `${offset} ${hex(digests[i]!)}`).join(' ')}\n`
    }),
  )
  return hex(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(parts.join('') + adopted)))
}

/** The pages of a file that are not zeros. */
export function runsOf(bytes: Uint8Array): { offset: number; length: number }[] {
  const runs: { offset: number; length: number }[] = []
  for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES) {
    const length = Math.min(PAGE_BYTES, bytes.length - offset)
    let at = offset
    while (at < offset + length && bytes[at] === 0) at++
    if (at < offset + length) runs.push({ offset, length })
  }
  return runs
}

export function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function absent(): Promise<never> {
  throw new Error('there is no machine')
}

/** After a power cut there is no machine, whatever a record says. */
const noMachines: MachineControl = {
  ask: async () => ({ state: 'none' }),
  freeze: absent,
  pause: absent,
  drain: absent,
  flush: absent,
  switchTo: absent,
  resume: absent,
  thaw: absent,
  kill: absent,
}

/** What every host does after a crash: takes the lock of each box, then collects, and adopts the box of an old home. Answers how that ended. */
export async function recoverHome(core: Core, store: Store, old: OldFiles | null): Promise<string> {
  const host = { store, machines: noMachines }
  for (const name of (await store.list('boxes')).sort()) {
    if (name.endsWith('.json')) await perform(core, { kind: 'recover', boxId: name.slice(0, -5) }, host)
  }
  await perform(core, { kind: 'collect', dryRun: false }, host)
  if (old === null) return ''
  let ids = 0
  const newId = (): string => (0xc0de + ids++).toString(16).padStart(32, '0')
  try {
    const { recovery } = await adoptBox(host, { files: old, evidenceOfMachine: async () => null }, 'b', { newId, nowMs: 0 })
    return JSON.stringify(recovery)
  } catch (error) {
    if (isBoxLiteError(error)) return error.code
    throw error
  }
}

/** A home that crashed, on a host. */
export interface OpenHome {
  readonly store: Store
  /** The home of the prior implementation beside it. */
  readonly old: OldFiles | null
  /** Its files as they are now. */
  read(): Promise<Tree>
  close(): Promise<void>
}

/** A host that crashed homes are put into. */
export interface CorpusHost {
  readonly name: string
  open(tree: Tree): Promise<OpenHome>
}
