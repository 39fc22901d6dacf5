// A Debian repository of a few bytes, on this machine: the builder is tested without the network and without real packages.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the builder looks for tools: some are on root's PATH alone. */
export const toolPath = `${process.env['PATH']}:/usr/sbin:/sbin`

const tools = ['apt-get', 'dpkg-deb', 'fakeroot', 'flock', 'mke2fs', 'debugfs']

/** Why no image can be built here, for a skip; null when one can. */
export function whyNoBuild(): string | null {
  const missing = tools.filter((tool) => !toolPath.split(':').some((folder) => existsSync(join(folder, tool))))
  return missing.length === 0 ? null : `no ${missing.join(', ')} on this machine`
}

export interface TestPackage {
  readonly name: string
  readonly version: string
  readonly depends?: string
  /** By default i386. */
  readonly architecture?: 'all' | 'i386'
  /** Path inside the package to content. */
  readonly files: Readonly<Record<string, string | Uint8Array>>
}

/** Makes a repository in `folder` and gives back the APT_CONFIG of a system that knows no other source. */
export function makeRepository(folder: string, packages: readonly TestPackage[]): string {
  const repository = join(folder, 'repository')
  mkdirSync(repository, { recursive: true })
  for (const one of packages) makePackage(join(folder, `${one.name}_${one.version}`), repository, one)
  const index = readdirSync(repository).map((name) => {
    const path = join(repository, name)
    const bytes = readFileSync(path)
    const control = execFileSync('dpkg-deb', ['--field', path], { encoding: 'utf8' })
    return `${control}Filename: ./${name}\nSize: ${bytes.length}\nSHA256: ${createHash('sha256').update(bytes).digest('hex')}\n`
  })
  writeFileSync(join(repository, 'Packages'), index.join('\n'))
  const sources = join(folder, 'sources.list')
  writeFileSync(sources, `deb [trusted=yes] copy:${repository} ./\n`)
  const config = join(folder, 'apt.conf')
  writeFileSync(config, `Dir::Etc::sourcelist "${sources}";\nDir::Etc::sourceparts "/nonexistent";\n`)
  return config
}

function makePackage(work: string, repository: string, { name, version, depends, architecture = 'i386', files }: TestPackage): void {
  mkdirSync(join(work, 'DEBIAN'), { recursive: true })
  const dependency = depends === undefined ? '' : `Depends: ${depends}\n`
  const what = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\n`
  const fields = `${what}Maintainer: test <test@example.com>\n${dependency}Description: a test\n`
  writeFileSync(join(work, 'DEBIAN/control'), fields)
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(work, path, '..'), { recursive: true })
    writeFileSync(join(work, path), content, { mode: 0o755 })
  }
  const target = join(repository, `${name}_${version}_${architecture}.deb`)
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', '-Znone', work, target], { stdio: 'pipe' })
}
