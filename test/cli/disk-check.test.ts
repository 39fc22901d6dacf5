import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { runCli, runProgram, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()

/** Makes `name` a copy of the image with 8 bytes at `offset` replaced. */
function patch(name: string, offset: number, value: bigint): void {
  const bytes = readFileSync(join(cwd, 'good.qcow2'))
  bytes.writeBigUInt64BE(value, offset)
  writeFileSync(join(cwd, name), bytes)
}

beforeAll(async () => {
  await runProgram('qemu-img', ['create', '-q', '-f', 'qcow2', 'good.qcow2', '64M'], cwd)
  await runProgram('qemu-io', ['-c', 'write 0 1M', '-c', 'write 10M 64k', 'good.qcow2'], cwd)
  const good = readFileSync(join(cwd, 'good.qcow2'))
  const refcountBlock = Number(good.readBigUInt64BE(Number(good.readBigUInt64BE(48))))
  const l2 = Number(good.readBigUInt64BE(Number(good.readBigUInt64BE(40))) & 0x00fffffffffffe00n)
  // A refcount of 1 for a cluster behind the last one: a leak. The file has to have that cluster.
  patch('leaky.qcow2', refcountBlock + 2 * (good.length / 65536), 0x0001000000000000n)
  truncateSync(join(cwd, 'leaky.qcow2'), good.length + 65536)
  // The first guest cluster without its COPIED flag, and one behind the end of the file.
  patch('corrupt.qcow2', l2, good.readBigUInt64BE(l2) & ~(1n << 63n))
  patch('outside.qcow2', l2 + 8, (1n << 63n) | (1n << 40n))
  patch('unknown.qcow2', 72, 1n << 40n)
  patch('refused.qcow2', 40, 0x1234n)
  writeFileSync(join(cwd, 'plain.raw'), Buffer.alloc(4096))
})

describe('disk check', () => {
  it.each([
    ['good.qcow2', 0],
    ['leaky.qcow2', 3],
    ['corrupt.qcow2', 2],
    ['outside.qcow2', 2],
    ['refused.qcow2', 1],
    ['plain.raw', 63],
  ])('ends as qemu-img check does: %s with %i', async (file, code) => {
    const theirs = await runProgram('qemu-img', ['check', '--output=json', file], cwd)
    expect(theirs.code).toBe(code)
    const ours = await runCli(['disk', 'check', '--json', file], { cwd })
    expect(ours.code).toBe(code)
    if (code === 1 || code === 63) return
    const report = JSON.parse(theirs.out) as Record<string, number>
    expect(JSON.parse(ours.out)).toMatchObject({
      corruptions: report['corruptions'] ?? 0,
      leaks: report['leaks'] ?? 0,
      totalClusters: report['total-clusters'],
      allocatedClusters: report['allocated-clusters'],
      imageEndOffset: report['image-end-offset'],
      sound: code !== 2,
    })
  })

  it('calls what this version cannot read unsupported', async () => {
    const { code, err } = await runCli(['disk', 'check', 'unknown.qcow2'], { cwd })
    expect(code).toBe(63)
    expect(err).toMatch(/^boxlite: unknown\.qcow2: incompatible_features asks for something that is not supported/)
  })

  it('calls a file that is not there unreadable', async () => {
    expect((await runCli(['disk', 'check', 'absent.qcow2'], { cwd })).code).toBe(1)
  })

  it('names what it found', async () => {
    const { out } = await runCli(['disk', 'check', 'corrupt.qcow2'], { cwd })
    expect(out).toMatch(/^corrupt\.qcow2 has 1 corruption\.\n {2}0x[0-9a-f]+ is an L2 entry whose COPIED flag disagrees with the refcount/)
    expect((await runCli(['disk', 'check', 'leaky.qcow2'], { cwd })).out).toMatch(/^leaky\.qcow2 has 1 leaked cluster; no data is in danger\.\n/)
    expect((await runCli(['disk', 'check', 'good.qcow2'], { cwd })).out).toBe(
      'good.qcow2 is clean.\n17 of 1024 clusters are allocated (1.66 %), 0 % of them compressed, 0 % fragmented.\n' +
        `The image ends at byte ${readFileSync(join(cwd, 'good.qcow2')).length}.\n`,
    )
  })
})
