// The package as npm makes it: what is in it, and that it works where nothing else is.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
  dependencies: Record<string, string>
  exports: Record<string, unknown>
  bin: Record<string, string>
}

const commandFile = manifest.bin['boxlite']!

let folder: string
let packed: { filename: string; files: { path: string }[] }

/** Runs npm without scripts and without the network. */
function npm(args: readonly string[], cwd: string): string {
  return execFileSync('npm', [...args, '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd, encoding: 'utf8' })
}

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/bundle-command.mjs'], { cwd: root })
  folder = mkdtempSync(join(tmpdir(), 'boxlite-package-'))
  packed = (JSON.parse(npm(['pack', '--json', '--pack-destination', folder], root)) as [typeof packed])[0]
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('the package', () => {
  it('holds the built modules, their types, the core and the papers, and nothing else', () => {
    const meant = /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|THIRD_PARTY\.md|dist\/[\w/.-]+\.(?:js|d\.ts)|dist\/[\w-]+\.wasm)$/
    expect(packed.files.map(({ path }) => path).filter((path) => !meant.test(path))).toEqual([])
    // Nothing of the tests, and nothing left over from a source that is gone.
    const orphans = packed.files
      .map(({ path }) => path)
      .filter((path) => path.startsWith('dist/') && !path.endsWith('.wasm') && path !== commandFile)
      .filter((path) => !existsSync(join(root, path.replace(/^dist\//, '').replace(/(?:\.d\.ts|\.js)$/, '.ts'))))
    expect(orphans).toEqual([])
  })

  it('holds every file that its exports and its command name', () => {
    const targets = JSON.stringify([manifest.exports, manifest.bin]).match(/dist\/[^"]+/g) ?? []
    expect(targets.length).toBeGreaterThan(2)
    const paths = packed.files.map(({ path }) => path)
    expect(targets.filter((target) => !paths.includes(target))).toEqual([])
  })

  it('installs into an empty folder and works there', () => {
    writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }')
    // The dependencies come from here, because a test does not use the network; they are installed as npm would.
    const dependencies = Object.keys(manifest.dependencies).map((name) => join(root, 'node_modules', name))
    npm(['install', '--install-links', join(folder, packed.filename), ...dependencies], folder)
    writeFileSync(
      join(folder, 'try.mjs'),
      `import * as boxlite from 'boxlite'
       import * as node from 'boxlite/node'
       console.log(JSON.stringify({ same: Object.keys(boxlite).every((name) => boxlite[name] === node[name]), names: Object.keys(boxlite) }))`,
    )
    const answer = JSON.parse(execFileSync(process.execPath, ['try.mjs'], { cwd: folder, encoding: 'utf8' })) as { same: boolean; names: string[] }
    expect(answer.same).toBe(true)
    expect(answer.names).toContain('isBoxLiteError')
    const command = (...args: string[]): string => execFileSync(join(folder, 'node_modules/.bin/boxlite'), args, { cwd: folder, encoding: 'utf8' })
    expect(command('--version')).toContain(manifest.version)
    command('disk', 'create', 'disk.qcow2', '1M')
    command('disk', 'convert', '--target-format=raw', 'disk.qcow2', 'disk.raw')
    expect(statSync(join(folder, 'disk.raw')).size).toBe(1 << 20)
    command('create', 'web', '--disk=disk.raw', '--home=home')
    expect(command('ls', '--home=home')).toContain('web')
    // It ends with 1 where there is no guest; the emulator came with the package.
    const { stdout } = spawnSync(join(folder, 'node_modules/.bin/boxlite'), ['doctor', '--json'], { cwd: folder, encoding: 'utf8' })
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ what: 'v86', works: true }))
  })
})

describe('the command', () => {
  it('is one file that finds nothing by its own place but the library and the package’s manifest', () => {
    const source = readFileSync(join(root, commandFile), 'utf8')
    const outside = source.match(/(?:^import .* from |\bimport\()"(?!node:)[^"]*"/gm)?.map((text) => /"(.*)"/.exec(text)![1])
    expect([...new Set(outside)].sort()).toEqual(['../home.js', '../host.js', '../index.js', '../node.js', 'fzstd'])
    expect(source.match(/\bimport\.meta\b/g)?.length).toBe(1)
  })
})
