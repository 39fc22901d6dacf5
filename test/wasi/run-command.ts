// Runs boxlite-core-wasi.wasm on a home under two WASI runtimes: Node's own on a real directory, and that of
// @wasmer/wasi on its file system in memory, which can neither sync a directory nor read at a position.

import { createHash } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WASI as NodeWasi } from 'node:wasi'
import { MemFS, WASI as WasmerWasi, init } from '@wasmer/wasi'

export type Command = 'recover' | 'check' | 'info'

/** What the command answered. */
export interface Answer {
  readonly exitCode: number
  readonly lines: readonly Record<string, unknown>[]
}

/** Every file of a home, by its path below it. */
export type Tree = ReadonlyMap<string, Uint8Array>

export const commandFile: string = fileURLToPath(new URL('../../dist/boxlite-core-wasi.wasm', import.meta.url))
const compiled = new WebAssembly.Module(readFileSync(commandFile))
export const commandImports: readonly WebAssembly.ModuleImportDescriptor[] = WebAssembly.Module.imports(compiled)

/** Runs the command under Node's WASI on the home in `folder`. */
export async function runUnderNode(args: readonly string[], folder: string): Promise<Answer> {
  const scratch = mkdtempSync(join(tmpdir(), 'boxlite-wasi-'))
  const output = join(scratch, 'output')
  const stdout = openSync(output, 'w')
  try {
    const wasi = new NodeWasi({ version: 'preview1', args: ['boxlite', ...args], preopens: { '/home': folder }, stdout, returnOnExit: true })
    const instance = await WebAssembly.instantiate(compiled, wasi.getImportObject() as WebAssembly.Imports)
    const exitCode = wasi.start(instance)
    return { exitCode, lines: parseLines(readFileSync(output, 'utf8')) }
  } finally {
    closeSync(stdout)
    rmSync(scratch, { recursive: true })
  }
}

/** Runs the command under @wasmer/wasi on a home made of `tree`; resolves with the answer and what the home is then. */
export async function runUnderWasmer(args: readonly string[], tree: Tree): Promise<{ answer: Answer; tree: Tree }> {
  await init()
  const fs = new MemFS()
  fs.createDir('/home')
  for (const directory of ['boxes', 'images', 'layers', 'states']) fs.createDir(`/home/${directory}`)
  // It would make a directory of the same name twice.
  const states = new Set([...tree.keys()].filter((path) => path.startsWith('states/')).map((path) => path.slice(0, path.lastIndexOf('/'))))
  for (const state of states) fs.createDir(`/home/${state}`)
  for (const [path, bytes] of tree) {
    const file = fs.open(`/home/${path}`, { read: true, write: true, create: true })
    file.write(bytes.slice())
    file.flush()
    file.free()
  }
  const wasi = new WasmerWasi({ args: ['boxlite', ...args], env: {}, fs, preopens: { '/home': '/home' } })
  wasi.instantiate(compiled, {})
  const exitCode = wasi.start()
  return { answer: { exitCode, lines: parseLines(new TextDecoder().decode(wasi.getStdoutBuffer())) }, tree: readMemory(wasi.fs, '/home') }
}

function readMemory(fs: MemFS, home: string): Tree {
  const tree = new Map<string, Uint8Array>()
  const visit = (directory: string): void => {
    for (const { path, metadata } of fs.readDir(directory) as { path: string; metadata: { filetype: { dir: boolean } } }[]) {
      if (metadata.filetype.dir) visit(path)
      else {
        const file = fs.open(path, { read: true })
        tree.set(path.slice(home.length + 1), file.read())
        file.free()
      }
    }
  }
  visit(home)
  return tree
}

/** Every file of the home in `folder`. */
export function readTree(folder: string): Tree {
  const tree = new Map<string, Uint8Array>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    tree.set(path.slice(folder.length + 1), readFileSync(path))
  }
  return tree
}

/** The files of a home as text that can be compared: paths and SHA-256 of the bytes. */
export function digests(tree: Tree): string[] {
  return [...tree].map(([path, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${path}`).sort()
}

function parseLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
