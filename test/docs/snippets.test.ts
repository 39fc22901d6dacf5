// The code in the papers compiles, against the package's own declarations, as a program that uses the package would.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'boxlite-snippets-'))
afterAll(() => rmSync(folder, { recursive: true }))

const papers = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)]

/** What a reader of a paper has at hand already, where its code does not make it. */
const given: Readonly<Record<string, string>> = {
  box: "const box: import('boxlite').Box",
  lite: "const lite: import('boxlite').BoxLite",
  source: 'const source: ReadableStream<Uint8Array>',
  target: 'const target: WritableStream<Uint8Array>',
  screen: 'const screen: WritableStream<string>',
  terminal: "const terminal: import('boxlite/terminal').TerminalLike",
}

/** The code of a paper, by where it stands: its blocks of TypeScript and JavaScript, and every line that begins with an import. */
function snippetsOf(paper: string): Map<string, string> {
  const text = readFileSync(join(root, paper), 'utf8')
  const blocks = text.matchAll(/^```(?:ts|js)\n([^]*?)^```/gm)
  const lines = text.matchAll(/`(import [^`]+)`/g)
  return new Map([...blocks, ...lines].map((match) => [`${paper}:${text.slice(0, match.index).split('\n').length}`, match[1]!]))
}

function moduleOf(code: string): string {
  const needed = Object.keys(given).filter((name) => new RegExp(`\\b${name}\\b`).test(code) && !new RegExp(`\\b(?:const|let) ${name}\\b`).test(code))
  return [...needed.map((name) => `declare ${given[name]}`), 'export {}', code].join('\n')
}

/** What the compiler has to say; nothing: it compiles. */
async function compile(modules: ReadonlyMap<string, string>): Promise<string> {
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  for (const [name, target] of [['boxlite', root], ['@types', join(root, 'node_modules/@types')]] as const) {
    symlinkSync(target, join(folder, 'node_modules', name))
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  // Without the types of pages, and with a close look at the package's own.
  const platform = { target: 'ES2023', lib: ['ES2023'], types: ['node'], module: 'nodenext' }
  const compilerOptions = { ...platform, strict: true, noEmit: true, skipLibCheck: false }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  for (const [place, code] of modules) writeFileSync(join(folder, `${place.replace(/\W/g, '-')}.ts`), moduleOf(code))
  return new Promise((resolve) => execFile(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: folder }, (_error, out) => resolve(out)))
}

it('compiles, every piece of it', async () => {
  const snippets = new Map(papers.flatMap((paper) => [...snippetsOf(paper)]))
  expect(snippets.size).toBeGreaterThan(12)
  // One that cannot compile, so that silence means something.
  const wrong = 'docs/wrong.md:1'
  const said = await compile(new Map([...snippets, [wrong, "await box.exec(['ls'])"]]))
  expect([...said.matchAll(/^(\S+)\(.*: error /gm)].map((match) => match[1])).toEqual(['docs-wrong-md-1.ts'])
})
