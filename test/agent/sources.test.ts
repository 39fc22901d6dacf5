// The agent's C: the house's measures, and the program that they make.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = fileURLToPath(new URL('../../guest/agent', import.meta.url))
const sources = readdirSync(folder).filter((name) => /\.[ch]$/.test(name))
const read = (name: string): string => readFileSync(join(folder, name), 'utf8')

/** The name and length in lines of each function of a C file that is formatted our way. */
function functionsOf(source: string): { name: string; lines: number }[] {
  const head = String.raw`(?!struct |enum |union |static struct \{|static const struct )[\w].*?(\w+)\([^;]*\) \{`
  return [...source.matchAll(new RegExp(`^${head}\\n([^]*?)^\\}$`, 'gm'))].map((match) => ({
    name: match[1]!,
    lines: match[2]!.split('\n').length + 1,
  }))
}

describe('the sources of the agent', () => {
  it('are small files of small functions', () => {
    expect(sources.length).toBeGreaterThan(20)
    const long = sources.flatMap((name) => functionsOf(read(name)).filter(({ lines }) => lines > 70).map((found) => `${name}: ${found.name}`))
    expect(long).toEqual([])
    expect(sources.flatMap((name) => functionsOf(read(name))).length).toBeGreaterThan(200)
    expect(sources.filter((name) => read(name).split('\n').length > 300)).toEqual([])
  })

  it('have lines of at most 150 columns, no tabs, and names in kebab-case', () => {
    const isBroken = (line: string): boolean => line.length > 150 || line.includes('\t')
    const broken = sources.flatMap((name) => read(name).split('\n').flatMap((line, index) => (isBroken(line) ? [`${name}:${index + 1}`] : [])))
    expect(broken).toEqual([])
    expect(sources.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*\.[ch]$/.test(name))).toEqual([])
  })
})

describe('the agent that goes into a guest', () => {
  let scratch: string
  let refusal: string | null = null

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'boxlite-agent-'))
    const probe = spawnSync('gcc', ['-m32', '-static', '-x', 'c', '-', '-o', join(scratch, 'probe')], { input: 'int main(void) { return 0; }' })
    if (probe.status !== 0) refusal = 'gcc makes no static programs for i386 here (Debian: gcc-multilib)'
  })

  afterAll(() => rmSync(scratch, { recursive: true, force: true }))

  it('is one static i386 program, the same bytes wherever and whenever it is built', (ctx) => {
    if (refusal !== null) ctx.skip(refusal)
    const programs = ['one', 'another/place'].map((place) => {
      cpSync(folder, join(scratch, place), { recursive: true })
      const made = spawnSync('make', ['-C', join(scratch, place), `OUT=${join(scratch, place, 'out')}`], { encoding: 'utf8' })
      expect(made.stderr).toBe('')
      return readFileSync(join(scratch, place, 'out/boxlite-agent'))
    })
    const program = programs[0]!
    expect(program.equals(programs[1]!)).toBe(true)
    expect(program.includes(scratch)).toBe(false)
    // ELF, 32 bits, little endian; an executable; for the Intel 80386.
    expect([...program.subarray(0, 6)]).toEqual([0x7f, 0x45, 0x4c, 0x46, 1, 1])
    expect([program.readUInt16LE(16), program.readUInt16LE(18)]).toEqual([2, 3])
    const [table, bytes, count] = [program.readUInt32LE(28), program.readUInt16LE(42), program.readUInt16LE(44)]
    const headers = Array.from({ length: count }, (_, index) => program.readUInt32LE(table + index * bytes))
    // PT_INTERP: a program that needs a loader.
    expect(headers).not.toContain(3)
    expect(program.length).toBeLessThan(1_000_000)
  })
})
