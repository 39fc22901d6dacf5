// docs/coming-from-boxlite.md against the types: what becomes of each name that the published SDK has. The compiler refuses a verdict
// below that is not true of our types; the test, a paper that does not name what it judges.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as ours from '../../hosts/node/index.ts'
import type * as Ours from '../../hosts/node/index.ts'
import * as published from './published-declarations.ts'
import type * as Published from './published-declarations.ts'

/** `same`: code may stay as it is; `means else`: it compiles, and does something else; `differs`: another type; `absent`: not here. */
type Verdict = 'same' | 'means else' | 'differs' | 'absent'

type Fit<Given, Wanted> = [Given] extends [Wanted] ? 'same' | 'means else' : 'differs'

/** Of options: whether what a caller gives is taken. */
type Takes<Mine, Theirs> = { readonly [K in keyof Theirs]-?: K extends keyof Mine ? Fit<Required<Theirs>[K], Mine[K]> : 'absent' }

/** Of results and methods: whether what we give is what a caller wants. */
type Gives<Mine, Theirs> = { readonly [K in keyof Theirs]-?: K extends keyof Mine ? Fit<Mine[K], Required<Theirs>[K]> : 'absent' }

const open: Takes<Ours.OpenOptions, Published.PublishedOpen> = { homeDir: 'means else', imageRegistries: 'absent' }

const runtime: Gives<Ours.BoxLite, Published.PublishedRuntime> = {
  importBox: 'absent',
  create: 'differs',
  getOrCreate: 'differs',
  listInfo: 'absent',
  getInfo: 'absent',
  get: 'same',
  metrics: 'differs',
  images: 'differs',
  volumes: 'absent',
  remove: 'differs',
  close: 'means else',
  shutdown: 'absent',
}

const runtimeMetrics: Gives<Ours.HomeMetrics, Published.PublishedRuntimeMetrics> = {
  boxesCreatedTotal: 'same',
  boxesFailedTotal: 'same',
  numRunningBoxes: 'same',
  totalCommandsExecuted: 'same',
  totalExecErrors: 'same',
}

const create: Takes<Ours.CreateOptions, Published.PublishedCreate> = {
  image: 'means else',
  rootfsPath: 'absent',
  memoryMib: 'same',
  cpus: 'means else',
  diskSizeGb: 'same',
  runtime: 'absent',
  name: 'same',
  autoRemove: 'means else',
  reuseExisting: 'absent',
  detach: 'same',
  workingDir: 'same',
  env: 'same',
  volumes: 'absent',
  ports: 'absent',
  network: 'absent',
  secrets: 'absent',
  entrypoint: 'means else',
  cmd: 'means else',
  user: 'same',
  advanced: 'absent',
  security: 'absent',
  autoStop: 'absent',
  autoDelete: 'absent',
  autoResume: 'absent',
  healthCheck: 'absent',
}

const box: Gives<Ours.Box, Published.PublishedBox> = {
  id: 'means else',
  name: 'same',
  info: 'differs',
  exec: 'differs',
  snapshot: 'differs',
  network: 'absent',
  cloneBox: 'absent',
  export: 'differs',
  start: 'same',
  stop: 'differs',
  metrics: 'differs',
  copyIn: 'absent',
  copyOut: 'absent',
  created: 'absent',
  getId: 'absent',
  getInfo: 'absent',
  tunnel: 'absent',
}

const boxInfo: Gives<Ours.BoxDetails, Published.PublishedBoxInfo> = {
  id: 'means else',
  name: 'differs',
  state: 'differs',
  createdAt: 'differs',
  startedAt: 'absent',
  image: 'differs',
  cpus: 'absent',
  memoryMib: 'absent',
  network: 'absent',
  autoStop: 'absent',
  autoDelete: 'absent',
  autoResume: 'absent',
  healthStatus: 'absent',
}

const boxMetrics: Gives<Ours.BoxMetrics, Published.PublishedBoxMetrics> = {
  commandsExecutedTotal: 'same',
  execErrorsTotal: 'same',
  bytesSentTotal: 'absent',
  bytesReceivedTotal: 'absent',
  totalCreateDurationMs: 'absent',
  guestBootDurationMs: 'differs',
  cpuPercent: 'absent',
  memoryBytes: 'absent',
  networkBytesSent: 'absent',
  networkBytesReceived: 'absent',
  networkTcpConnections: 'absent',
  networkTcpErrors: 'absent',
  stageFilesystemSetupMs: 'absent',
  stageImagePrepareMs: 'absent',
  stageGuestRootfsMs: 'absent',
  stageBoxConfigMs: 'absent',
  stageBoxSpawnMs: 'absent',
  stageContainerInitMs: 'absent',
}

const execution: Gives<Ours.Execution, Published.PublishedExecution> = {
  id: 'absent',
  stdin: 'differs',
  stdout: 'differs',
  stderr: 'differs',
  wait: 'absent',
  kill: 'means else',
  resizeTty: 'absent',
  signal: 'absent',
}

const execResult: Gives<Ours.ExecResult, Published.PublishedExecResult> = { exitCode: 'differs', stdout: 'same', stderr: 'same' }

const execOptions: Takes<Ours.ExecOptions, Published.PublishedExecOptions> = {
  cwd: 'same',
  user: 'same',
  timeoutSecs: 'absent',
  env: 'same',
  tty: 'same',
  workingDir: 'absent',
}

const copy: Takes<Ours.CopyInOptions & Ours.CopyOutOptions, Published.PublishedCopy> = {
  recursive: 'absent',
  overwrite: 'absent',
  followSymlinks: 'absent',
  includeParent: 'absent',
}

const snapshots: Gives<Ours.Snapshots, Published.PublishedSnapshots> = {
  create: 'differs',
  list: 'differs',
  get: 'differs',
  remove: 'same',
  restore: 'same',
}

const snapshotInfo: Gives<Ours.SnapshotInfo, Published.PublishedSnapshotInfo> = {
  id: 'same',
  boxId: 'same',
  name: 'same',
  createdAt: 'differs',
  containerDiskBytes: 'absent',
  sizeBytes: 'absent',
}

const images: Gives<Ours.Images, Published.PublishedImages> = { pull: 'absent', list: 'differs' }

const imageInfo: Gives<Ours.ImageInfo, Published.PublishedImageInfo> = {
  reference: 'same',
  repository: 'absent',
  tag: 'absent',
  id: 'absent',
  cachedAt: 'absent',
  sizeBytes: 'absent',
}

const codeBox: Gives<Ours.CodeBox, Published.PublishedCodeBox> = {
  run: 'differs',
  runScript: 'absent',
  installPackage: 'absent',
  installPackages: 'absent',
  stop: 'same',
}

/** Under which heading of the paper each is treated. */
const sections: readonly (readonly [heading: string, verdicts: Readonly<Record<string, Verdict>>])[] = [
  ['Open a home', open],
  ['Open a home', runtime],
  ['Open a home', runtimeMetrics],
  ['Make a box', create],
  ['Use a box', box],
  ['Use a box', boxInfo],
  ['Use a box', boxMetrics],
  ['Run commands', execution],
  ['Run commands', execResult],
  ['Run commands', execOptions],
  ['Copy files', copy],
  ['Take snapshots', snapshots],
  ['Take snapshots', snapshotInfo],
  ['Use images', images],
  ['Use images', imageInfo],
  ['Run Python', codeBox],
]

const paper = readFileSync(new URL('../../docs/coming-from-boxlite.md', import.meta.url), 'utf8')

function section(heading: string): string {
  const parts = paper.split(/^## /m)
  return parts.find((part) => part.startsWith(`${heading}\n`)) ?? ''
}

/** The words that a text has in code form. */
function codeWords(text: string): Set<string> {
  const code = [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
  return new Set(code.flatMap((piece) => piece.match(/\w+/g) ?? []))
}

/** What a section says differs: the first cells of its tables. */
function told(heading: string): Set<string> {
  const cells = section(heading).split('\n').flatMap((line) => /^\| ([^|]*) \|/.exec(line)?.[1] ?? [])
  return codeWords(cells.join('\n'))
}

function toldSame(heading: string): Set<string> {
  return codeWords(section(heading).split('\n\n').filter((paragraph) => paragraph.startsWith('The same:')).join('\n'))
}

describe('docs/coming-from-boxlite.md', () => {
  it('names the version that it is about', () => {
    expect(paper).toContain(`\`@boxlite-ai/boxlite\` ${published.PUBLISHED_VERSION}`)
  })

  it.each(sections)('%s: names everything that is not the same, and everything that is', (heading, verdicts) => {
    const names = Object.entries(verdicts)
    const [differing, same] = [told(heading), toldSame(heading)]
    expect(names.filter(([name, verdict]) => verdict !== 'same' && !differing.has(name)).map(([name]) => name)).toEqual([])
    expect(names.filter(([name, verdict]) => verdict === 'same' && !same.has(name)).map(([name]) => name)).toEqual([])
  })

  it('names every export that is not here', () => {
    const here = Object.keys(ours)
    const missing = published.publishedExports.filter((name) => !here.includes(name))
    expect(missing).toContain('SimpleBox')
    expect(missing.filter((name) => !told('Exported names').has(name))).toEqual([])
    expect(published.publishedExports.filter((name) => here.includes(name))).toEqual(['CodeBox'])
  })
})
