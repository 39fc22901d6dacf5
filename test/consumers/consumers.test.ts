// The package in pages of other people: built by Vite, by esbuild, served by Vite while it is worked on, and by an import map alone. No
// plugin, no alias, no special header; where the built pages are, a Content-Security-Policy says what the README says.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as esbuild from 'esbuild'
import { chromium, type Browser, type BrowserContext } from 'playwright'
import * as vite from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error: a script, which has no types.
import { guestFolder, isGuestBuilt } from '../../scripts/guest.mjs'
import { chromiumArguments, chromiumPath } from '../chromium.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const whyNot = !existsSync(chromiumPath) ? 'no Chromium on this machine' : (isGuestBuilt() as boolean) ? null : 'no guest is built on this machine'

/** As the README has it. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:; connect-src 'self'"
const subPath = '/some/where/else/'

const program = `import { run } from 'boxlite'

const { stdout } = await run('echo hi', { assets: new URL('guest/', document.baseURI) })
document.title = stdout.trim()
`
/** Says what it cannot do, and what to do about it. */
const complainer = `import { BoxLite } from 'boxlite'

const lite = await BoxLite.open({ assets: 'guest/' }).catch((error) => ({ engine: { refused: [{ reason: error.code, remedy: error.remedy }] } }))
document.title = lite.engine.refused.map(({ reason, remedy }) => reason + ': ' + remedy).join() || 'nothing is wrong'
`
const typed = `import { BoxLite, type Box } from 'boxlite'
import { archiveBlob, takeOver } from 'boxlite/browser'

const lite = await BoxLite.open({ assets: '/guest/', onProgress: ({ stage }) => console.log(stage) })
const box: Box = await lite.create({ image: 'base' })
await takeOver(lite, box.id)
const archive: Blob = await archiveBlob(box.export())
await lite.import(archive)
await box.files.copyIn(new Blob(['text']), '/root/text')
const stream: ReadableStream<Uint8Array> = box.files.readStream('/root/text')
await stream.cancel()
`
/** The example, whose import map is as npm lays the packages out. */
const example = join(root, 'examples/browser-embed')
const importMap = /<script type="importmap">([^]*?)<\/script>/.exec(readFileSync(join(example, 'index.html'), 'utf8'))![1]!
const page = (scripts: string): string => `<!doctype html><html lang="en"><meta charset="utf-8"><title>not yet</title>${scripts}</html>\n`
const module = '<script type="module" src="./main.js"></script>'

const script = 'text/javascript'
const types: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': script, '.mjs': script, '.json': 'application/json' }

/** Serves `folder` under the sub-path, as any static server would, and the policy with it. */
async function serve(folder: string, scriptHash: string): Promise<Server> {
  const server = createHttpServer((request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://localhost')
    const path = join(folder, pathname.startsWith(subPath) ? pathname.slice(subPath.length) : 'nothing')
    const file = path.endsWith('/') ? `${path}index.html` : path
    if (!existsSync(file)) return response.writeHead(404).end()
    response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream')
    // A page may be asked for with less than it needs.
    const allowed = policy.replace(decodeURIComponent(search.slice(1)), '')
    response.setHeader('content-security-policy', allowed.replace("script-src 'self'", `script-src 'self' '${scriptHash}'`))
    return response.end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

describe.skipIf(whyNot !== null)(`a page with the package${whyNot === null ? '' : ` (${whyNot})`}`, () => {
  let folder: string
  let server: Server
  let browser: Browser
  let context: BrowserContext
  const complaints: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'boxlite-consumers-'))
    const project = join(folder, 'project')
    installInto(join(project, 'node_modules'))
    writeFileSync(join(project, 'package.json'), '{ "name": "page", "private": true, "type": "module" }')
    writeFileSync(join(project, 'index.html'), page(module))
    writeFileSync(join(project, 'main.js'), program)
    // As whoever embeds it would: Vite lets pages have nothing that is outside of the project.
    cpSync(guestFolder() as string, join(project, 'public/guest'), { recursive: true })
    server = await serve(join(folder, 'served'), `sha256-${createHash('sha256').update(importMap).digest('base64')}`)
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArguments })
    context = await browser.newContext()
    context.on('weberror', (error) => complaints.push(String(error.error())))
    context.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  })
  afterAll(async () => {
    await browser.close()
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true })
  })

  /** Puts the packed package, and what it depends on, where npm would. */
  function installInto(modules: string): void {
    mkdirSync(join(modules, 'boxlite'), { recursive: true })
    const quiet = ['--json', '--ignore-scripts', '--offline', '--loglevel=error', '--pack-destination', folder]
    const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', ...quiet], { cwd: root, encoding: 'utf8' })) as [{ filename: string }]
    execFileSync('tar', ['-x', '-z', '--strip-components=1', '-f', join(folder, filename), '-C', join(modules, 'boxlite')])
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object }
    for (const name of Object.keys(dependencies)) cpSync(join(root, 'node_modules', name), join(modules, name), { recursive: true })
  }

  /** Where a page of the name is to be put, with the guest in it, and where it is served then. */
  function place(name: string): { readonly out: string; readonly url: string } {
    const out = join(folder, 'served', name)
    mkdirSync(out, { recursive: true })
    if (!existsSync(join(out, 'guest'))) symlinkSync(guestFolder() as string, join(out, 'guest'))
    return { out, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${subPath}${name}/` }
  }

  /** What the page says in the end, which begins by saying `first`. */
  async function said(url: string, first = 'not yet', where = 'title'): Promise<string> {
    const tab = await context.newPage()
    complaints.length = 0
    await tab.goto(url)
    await Promise.race([
      tab.waitForFunction(([where, first]) => document.querySelector(where!)!.textContent !== first, [where, first], { timeout: 120_000 }),
      tab.waitForEvent('pageerror', { timeout: 120_000 }).then((error) => Promise.reject(error)),
    ])
    const text = await tab.locator(where).first().textContent()
    expect(await tab.evaluate(() => crossOriginIsolated)).toBe(false)
    await tab.close()
    return text!
  }

  it('that Vite builds runs a box', async () => {
    const { out, url } = place('vite')
    await vite.build({ root: join(folder, 'project'), configFile: false, logLevel: 'error', base: './', publicDir: false, build: { outDir: out } })
    expect(await said(url)).toBe('hi')
    expect(complaints).toEqual([])
  })

  it('that esbuild builds runs a box', async () => {
    const { out, url } = place('esbuild')
    const absWorkingDir = join(folder, 'project')
    await esbuild.build({ absWorkingDir, entryPoints: ['main.js'], bundle: true, format: 'esm', outdir: out, logLevel: 'error' })
    writeFileSync(join(out, 'index.html'), page(module))
    expect(await said(url)).toBe('hi')
    expect(complaints).toEqual([])
  })

  it('that has an import map, and nothing was built for, runs a box: the example', async () => {
    const { out, url } = place('map')
    for (const file of ['index.html', 'main.js']) cpSync(join(example, file), join(out, file))
    mkdirSync(join(out, 'node_modules'))
    for (const name of ['boxlite', 'idb', 'fzstd']) symlinkSync(join(folder, 'project/node_modules', name), join(out, 'node_modules', name))
    symlinkSync(guestFolder() as string, join(out, 'node_modules/boxlite-guest-386'))
    expect(await said(url, 'A Linux machine starts …', '#output')).toMatch(/^Linux .* i686 GNU\/Linux\n$/)
    expect(complaints).toEqual([])
  })

  it('knows the types of the package without those of Node', () => {
    const project = join(folder, 'project')
    writeFileSync(join(project, 'typed.ts'), typed)
    const dom = ['--lib', 'ES2023,ESNext.Disposable,DOM,DOM.Iterable,DOM.AsyncIterable', '--types', '', '--strict', '--noEmit']
    const resolution = ['--target', 'es2023', '--module', 'esnext', '--moduleResolution', 'bundler', '--ignoreConfig']
    execFileSync(join(root, 'node_modules/.bin/tsc'), [...dom, ...resolution, 'typed.ts'], { cwd: project, stdio: 'pipe' })
  })

  it('is told what to allow, where its policy or its server does not let it have boxes', async () => {
    const { out, url } = place('complainer')
    const project = join(folder, 'project')
    writeFileSync(join(project, 'complainer.js'), complainer)
    await esbuild.build({ absWorkingDir: project, entryPoints: ['complainer.js'], bundle: true, format: 'esm', outfile: join(out, 'main.js') })
    writeFileSync(join(out, 'index.html'), page(module))
    expect(await said(url)).toBe('nothing is wrong')
    expect(await said(`${url}?${encodeURIComponent("'wasm-unsafe-eval'")}`)).toMatch(/script-src 'wasm-unsafe-eval'/)
    expect(await said(`${url}?${encodeURIComponent('worker-src blob:;')}`)).toMatch(/worker-src blob:/)
    // Not a secure context: neither https nor this machine.
    await context.route('http://page.test/**', async (route) => {
      await route.fulfill({ path: join(out, route.request().url().endsWith('main.js') ? 'main.js' : 'index.html') })
    })
    expect(await said('http://page.test/')).toMatch(/^unsupported: .*https/)
  })

  it('that Vite serves while it is worked on runs a box, with the package bundled beforehand', async () => {
    const dev = await vite.createServer({
      root: join(folder, 'project'),
      configFile: false,
      logLevel: 'error',
      server: { host: '127.0.0.1', port: 0, hmr: false },
    })
    try {
      await dev.listen()
      const { port } = dev.httpServer!.address() as AddressInfo
      expect(await said(`http://127.0.0.1:${port}/`)).toBe('hi')
      expect(existsSync(join(folder, 'project/node_modules/.vite/deps/boxlite.js'))).toBe(true)
    } finally {
      await dev.close()
    }
  })
})
