// The house rules that no other tool knows, above all those of core/: its memory is a plain arena,
// so a managed object (a `new`, a string made at run time) would be a leak that nothing frees.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const functionLimitLines = 70
const lineLimitColumns = 150

function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !/\.(?:wasm|bundle)\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8')

/** Each top-level function and method of a source file that is formatted our way, with its length in lines. */
function functionsOf(source: string): { name: string; lines: number }[] {
  const found: { name: string; lines: number }[] = []
  let open: { name: string; indent: string; start: number } | null = null
  for (const [number, line] of source.split('\n').entries()) {
    const head = /^(\s{0,2})(?:export )?(?:@\w+ )?(?:private |static |async )*(?:function )?([\w#]+)(?:<[^>]*>)?\([^]*\{\s*$/.exec(line)
    if (open === null && head !== null && !/^(?:if|for|while|switch)$/.test(head[2]!)) {
      open = { name: head[2]!, indent: head[1]!, start: number }
    } else if (open !== null && line === `${open.indent}}`) {
      found.push({ name: open.name, lines: number - open.start + 1 })
      open = null
    }
  }
  return found
}

describe('the core', () => {
  const files = filesUnder('core', /\.ts$/)

  it('has no function over 70 lines', () => {
    const all = files.flatMap((file) => functionsOf(read(file)).map(({ name, lines }) => ({ name: `${file}: ${name}`, lines })))
    expect(all.length).toBeGreaterThan(5)
    expect(all.filter(({ lines }) => lines > functionLimitLines)).toEqual([])
  })

  it('counts the lines of a function', () => {
    const source = `export function a(b: i32): void {\n${'  b\n'.repeat(80)}}\nclass C {\n  d(): i32 {\n    return 1\n  }\n}\n`
    expect(functionsOf(source)).toEqual([{ name: 'a', lines: 82 }, { name: 'd', lines: 3 }])
  })

  it.each(['build/core.wat', 'build/core-wasi.wat'])('allocates no managed object: %s', (file) => {
    const wat = read(file)
    expect(wat).toContain('$core/memory/')
    expect(wat.match(/\$~lib\/(?:rt|string|array|typedarray|map|set)\/[\w/#]+/g) ?? []).toEqual([])
  })

  it('is at most 64 KiB', () => {
    expect(readFileSync(join(root, 'dist/core.wasm')).length).toBeLessThanOrEqual(64 * 1024)
  })
})

describe('every source file', () => {
  const folders = ['core', 'src', 'hosts', 'test', 'bench', 'examples', 'scripts']
  const files = [...folders.flatMap((folder) => filesUnder(folder, /\.m?[jt]s$/)), 'vite.config.ts']

  it('has lines of at most 150 columns, no semicolons at their ends and no tabs', () => {
    const broken = files.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, index) => {
          const semicolon = line.endsWith(';') && !/^\s*(?:\/\/|\*)/.test(line)
          return line.length > lineLimitColumns || semicolon || line.includes('\t') ? [`${file}:${index + 1}`] : []
        }),
    )
    expect(broken).toEqual([])
  })

  it('is named in kebab-case', () => {
    expect(files.filter((file) => !/^(?:[a-z0-9]+(?:[-.][a-z0-9]+)*\/)*[a-z0-9]+(?:[-.][a-z0-9]+)*$/.test(file))).toEqual([])
  })

  it('imports no file by its compiled name', () => {
    const broken = files.filter((file) => file.endsWith('.ts') && /from '\.[^']*\.js'/.test(read(file)))
    expect(broken).toEqual([])
  })
})
