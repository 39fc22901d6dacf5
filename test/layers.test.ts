// The directions of ARCHITECTURE.md, read from the imports of every file; the constants that both
// sides of the WebAssembly boundary know; and the names that the package gives away.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** What the files of each folder may import: folders of this repository, packages, and Node's modules. First match wins. */
const layers: readonly { folder: string; folders: readonly string[]; packages?: readonly string[]; node?: boolean }[] = [
  { folder: 'core/', folders: ['core/'] },
  { folder: 'src/', folders: ['src/'], packages: ['fzstd'] },
  { folder: 'hosts/v86/', folders: ['hosts/v86/', 'src/'], packages: ['v86'] },
  { folder: 'hosts/node/', folders: ['hosts/node/', 'hosts/v86/', 'src/'], node: true },
  { folder: 'hosts/browser/', folders: ['hosts/browser/', 'hosts/v86/', 'src/'], packages: ['idb'] },
  {
    folder: 'examples/playground/',
    folders: ['examples/playground/'],
    packages: ['boxlite', '@xterm/xterm', '@xterm/addon-fit', 'marked', 'vite'],
    node: true,
  },
  { folder: 'examples/', folders: ['examples/'], packages: ['boxlite'], node: true },
]

/** Every specifier that a source file imports from, static, dynamic or re-exported. */
function importsOf(source: string): string[] {
  const code = source.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const statics = code.matchAll(/^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]/gm)
  const dynamics = code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)
  return [...statics, ...dynamics].map((match) => (match[1] ?? match[2])!)
}

function sourcesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.m?[jt]s$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

const existing = readdirSync(root)
const layered = layers.filter(({ folder }) => existing.includes(folder.split('/')[0]!)).flatMap(({ folder }) => {
  try {
    return sourcesUnder(folder)
  } catch (error) {
    // A host that is not built yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
})

/** What is wrong with one import, or null. */
function objection(file: string, specifier: string): string | null {
  const layer = layers.find(({ folder }) => file.startsWith(folder))!
  if (specifier.startsWith('.')) {
    const target = join(dirname(file), specifier)
    return layer.folders.some((folder) => target.startsWith(folder)) ? null : `${file} imports ${target}`
  }
  if (specifier.startsWith('node:')) return layer.node === true ? null : `${file} imports ${specifier}`
  const name = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return layer.packages?.includes(name) === true ? null : `${file} imports the package ${name}`
}

describe('the layers', () => {
  it('sees every form of import', () => {
    const source = [
      `import a from './a.ts'`,
      `import {\n  b,\n} from "b"`,
      `export * from './c.ts'`,
      `import 'd'`,
      `// import x from 'x'`,
      `await import('node:fs')`,
      `import type { E } from 'e'`,
    ].join('\n')
    expect(importsOf(source)).toEqual(['./a.ts', 'b', './c.ts', 'd', 'e', 'node:fs'])
  })

  it('objects to an import against the direction', () => {
    expect(objection('src/a.ts', 'node:fs')).not.toBeNull()
    expect(objection('src/a.ts', '../hosts/node/fs.ts')).not.toBeNull()
    expect(objection('core/a.ts', '../src/error.ts')).not.toBeNull()
    expect(objection('hosts/node/a.ts', '../browser/b.ts')).not.toBeNull()
    expect(objection('hosts/v86/a.ts', 'node:worker_threads')).not.toBeNull()
    expect(objection('hosts/v86/a.ts', '../node/fs.ts')).not.toBeNull()
    expect(objection('src/a.ts', 'v86')).not.toBeNull()
    expect(objection('hosts/v86/a.ts', 'v86')).toBeNull()
    expect(objection('hosts/node/cli/a.ts', '../../../src/error.ts')).toBeNull()
    expect(objection('src/disk/a.ts', '../host.ts')).toBeNull()
  })

  it('import only in the directions of ARCHITECTURE.md', () => {
    expect(layered.length).toBeGreaterThan(10)
    const objections = layered.flatMap((file) =>
      importsOf(readFileSync(join(root, file), 'utf8')).flatMap((specifier) => objection(file, specifier) ?? []),
    )
    expect(objections).toEqual([])
  })
})

describe('core.wasm', () => {
  it('imports nothing', () => {
    const module = new WebAssembly.Module(readFileSync(join(root, 'dist/core.wasm')))
    expect(WebAssembly.Module.imports(module)).toEqual([])
  })

  it('is the file that travels in the generated module', async () => {
    const { coreWasmBase64 } = await import('../src/core/core.wasm.ts')
    expect(Buffer.from(coreWasmBase64, 'base64').equals(readFileSync(join(root, 'dist/core.wasm')))).toBe(true)
  })
})

/** The value of a constant's expression in AssemblyScript: numbers, operators, casts, and constants before it. */
function evaluate(expression: string, known: ReadonlyMap<string, number>): number {
  const plain = expression
    .replace(/<[iu](?:8|16|32|64|size)>/g, '')
    .replace(/\b[A-Z][A-Z0-9_]*\b/g, (name) => {
      const value = known.get(name)
      if (value === undefined) throw new Error(`the constant ${name} is not known here`)
      return String(value)
    })
  if (!/^[\s0-9a-fxA-F_()<>+*/|&~-]+$/.test(plain)) throw new Error(`not a constant expression: ${expression}`)
  // As BigInt, because the core's 64-bit constants are shifted beyond 32 bits.
  const big = plain.replace(/0x[0-9a-f_]+|\d[\d_]*/gi, (digits) => `${digits}n`)
  return Number(new Function(`return ${big}`)() as bigint)
}

/** The exported constants of one AssemblyScript file: `NAME` or `Namespace.NAME` to value. */
function coreConstants(source: string): Map<string, number> {
  const constants = new Map<string, number>()
  const local = new Map<string, number>()
  let namespace = ''
  for (const line of source.split('\n')) {
    const opened = /^export namespace (\w+) \{/.exec(line)
    if (opened !== null) namespace = `${opened[1]!}.`
    else if (line.startsWith('}')) namespace = ''
    const constant = /^\s*(export )?const (\w+)(?:: \w+)? = ([^/]+?)\s*(?:\/\/.*)?$/.exec(line)
    if (constant === null) continue
    let value
    try {
      value = evaluate(constant[3]!, local)
    } catch {
      // A table or a constant made of another file's; whoever compares it finds it missing.
      continue
    }
    local.set(constant[2]!, value)
    if (constant[1] !== undefined) constants.set(namespace + constant[2]!, value)
  }
  return constants
}

describe('the constants that both sides know', async () => {
  const pairs = sourcesUnder('src').filter((file) => /\/(?:\w+-)?abi\.ts$/.test(file))
  const core = new Map<string, number>()
  for (const file of sourcesUnder('core').filter((name) => /\/(?:\w+-)?(?:abi|verdict|limits)\.ts$/.test(name)))
    for (const [name, value] of coreConstants(readFileSync(join(root, file), 'utf8'))) core.set(name, value)

  it('reads constants of the core', () => {
    const source = 'export namespace A {\n  export const B: i32 = 1 // why\n  export const C: u64 = <u64>1 << 40\n}\nexport const D: u32 = 0x10 | 1\n'
    expect([...coreConstants(source)]).toEqual([['A.B', 1], ['A.C', 2 ** 40], ['D', 17]])
  })

  it('finds the pairs', () => {
    expect(pairs).toContain('src/core/abi.ts')
  })

  for (const file of pairs) {
    it(`are equal: ${file}`, async () => {
      const exported = (await import(join(root, file))) as Record<string, unknown>
      const ours: Record<string, number | undefined> = {}
      const theirs: Record<string, number | undefined> = {}
      for (const [name, value] of Object.entries(exported)) {
        if (typeof value === 'number') {
          ours[name] = value
          theirs[name] = core.get(name)
        } else if (typeof value === 'object' && value !== null) {
          for (const [key, number] of Object.entries(value)) ours[`${name}.${key}`] = number as number
          for (const [key, number] of core) if (key.startsWith(`${name}.`)) theirs[key] = number
        }
      }
      expect(Object.keys(ours).length).toBeGreaterThan(0)
      expect(theirs).toEqual(ours)
    })
  }
})

/** The names that a module exports, types included. */
function exportedNames(source: string): string[] {
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap((match) => match[1]!.split(','))
  const listed = lists.map((item) => item.trim().replace(/^type /, '').replace(/^.* as /, '')).filter((item) => item !== '')
  const declared = [...source.matchAll(/^export (?:abstract |async )?(?:class|function|const|interface|type) (\w+)/gm)].map((match) => match[1]!)
  return [...listed, ...declared].sort()
}

describe('the exported names', () => {
  const source = (file: string): string => readFileSync(join(root, file), 'utf8')
  const of = (file: string): string[] => exportedNames(source(file))
  const everywhere = (file: string): string[] => [...source(file).matchAll(/^export \* from '([^']+)'/gm)].map((match) => match[1]!)

  it('of every host are pinned', () => {
    expect(everywhere('src/index.ts')).toEqual([])
    expect(of('src/index.ts')).toEqual([
      'Accelerator',
      'ArchiveProgress',
      'ArchiveSource',
      'ArchiveStage',
      'AssetProgress',
      'Box',
      'BoxDetails',
      'BoxDisk',
      'BoxEvent',
      'BoxEventKind',
      'BoxEventOf',
      'BoxExportOptions',
      'BoxFiles',
      'BoxImportOptions',
      'BoxInfo',
      'BoxLiteError',
      'BoxMetrics',
      'BoxSettings',
      'BoxStateName',
      'BuildProgress',
      'BytesGiven',
      'CallOptions',
      'ChangeProgress',
      'CloneOptions',
      'CloseOptions',
      'CodeBoxOptions',
      'CodeOptions',
      'Consistency',
      'CopyFilesOptions',
      'CopyInOptions',
      'CopyOptions',
      'CopyOutOptions',
      'CopyProgress',
      'CopyReport',
      'CopySource',
      'CreateOptions',
      'CreateProgress',
      'DiskFormat',
      'DiskSource',
      'Engine',
      'EngineCapabilities',
      'EngineInfo',
      'EngineName',
      'EngineProtection',
      'EngineRefusal',
      'ErrorCode',
      'ErrorFault',
      'ExecEvent',
      'ExecExit',
      'ExecInput',
      'ExecOptions',
      'ExecResult',
      'Execution',
      'Extent',
      'FileEntry',
      'FileOptions',
      'FileStat',
      'FilesProgress',
      'Finding',
      'FsckFinding',
      'FsckOptions',
      'FsckProgress',
      'FsckReport',
      'FsckSeverity',
      'GuestMetrics',
      'HomeImage',
      'HomeMetrics',
      'HostCapabilities',
      'ImageInfo',
      'ImageOptions',
      'ImageProgress',
      'Images',
      'LogOptions',
      'MachineExit',
      'MakeDirectoryOptions',
      'OldFateName',
      'OldHome',
      'OldRecovery',
      'OpenDiskOptions',
      'OpenOptions',
      'OpenProgress',
      'Progress',
      'PruneOptions',
      'PruneProgress',
      'PruneReport',
      'ReadOptions',
      'ReadWholeOptions',
      'RecoveredBox',
      'Recovery',
      'RemoveFileOptions',
      'RemoveOptions',
      'RunOptions',
      'RunProgress',
      'ShellOptions',
      'Skipped',
      'SnapshotCreateOptions',
      'SnapshotInfo',
      'SnapshotNode',
      'SnapshotRestoreOptions',
      'SnapshotTree',
      'Snapshots',
      'StartOptions',
      'StartProgress',
      'StatOptions',
      'StopOptions',
      'StopProgress',
      'TerminalSize',
      'WriteOptions',
      'isBoxLiteError',
    ])
  })

  it.each(['node', 'browser'])('are the same on each host, and bound to it: %s', (host) => {
    expect(everywhere(`hosts/${host}/index.ts`)).toEqual(['../../src/index.ts'])
    expect(of(`hosts/${host}/index.ts`)).toEqual(['BoxLite', 'BoxLite', 'CodeBox', 'run'])
  })

  it('of one host alone are pinned', () => {
    for (const host of ['node', 'browser']) expect(everywhere(`hosts/${host}/${host}.ts`)).toEqual(['./index.ts'])
    expect(of('hosts/node/node.ts')).toEqual(['openOldHome', 'readArchiveFile', 'writeArchiveFile'])
    const ofPages = ['StorageState', 'TakeOverOptions', 'archiveBlob', 'archiveStream', 'askToPersist', 'lostHome', 'readStorageState', 'takeOver']
    expect(of('hosts/browser/browser.ts')).toEqual(ofPages)
  })

  it('of boxlite/terminal are pinned', () => {
    const names = of('src/terminal.ts')
    expect(names).toEqual(['AttachOptions', 'AttachedTerminal', 'Disposer', 'TerminalLike', 'attachTerminal'])
  })
})
