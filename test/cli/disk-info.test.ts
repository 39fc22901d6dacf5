import { readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { runCli, runProgram, temporaryDirectory } from './run-cli.ts'

const cwd = temporaryDirectory()

async function info(...args: readonly string[]): Promise<unknown> {
  const { code, out, err } = await runCli(['disk', 'info', '--json', ...args], { cwd })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out)
}

async function qemuImg(...args: readonly string[]): Promise<void> {
  expect(await runProgram('qemu-img', args, cwd)).toMatchObject({ code: 0 })
}

/** Makes the extension that states the backing format one that nobody knows; qemu-img itself makes no such image any more. */
function forgetBackingFormat(file: string): void {
  const bytes = readFileSync(join(cwd, file))
  const at = bytes.indexOf(Buffer.from('e2792aca', 'hex'))
  expect(at).toBeGreaterThan(0)
  bytes.write('12345678', at, 'hex')
  writeFileSync(join(cwd, file), bytes)
}

beforeAll(async () => {
  await qemuImg('create', '-q', '-f', 'qcow2', 'base.qcow2', '1G')
  await qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'top.qcow2')
  await qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.qcow2', '-F', 'qcow2', 'unstated.qcow2')
  forgetBackingFormat('unstated.qcow2')
  await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', '/etc/passwd', '-F', 'raw', 'absolute.qcow2', '1G')
  await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'b.qcow2', '-F', 'qcow2', 'a.qcow2', '1G')
  await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'a.qcow2', '-F', 'qcow2', 'b.qcow2', '1G')
  symlinkSync('base.qcow2', join(cwd, 'link.qcow2'))
  await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'link.qcow2', '-F', 'qcow2', 'onlink.qcow2', '1G')
  await qemuImg('create', '-q', '-f', 'qcow2', '-u', '-b', 'pipe', '-F', 'raw', 'onpipe.qcow2', '1G')
  await runProgram('mkfifo', ['pipe'], cwd)
  writeFileSync(join(cwd, 'plain.raw'), '')
  truncateSync(join(cwd, 'plain.raw'), 3 << 20)
})

describe('disk info', () => {
  it.each([
    ['-o', 'cluster_size=512,compat=0.10'],
    ['-o', 'cluster_size=2M,refcount_bits=1'],
    ['-o', 'extended_l2=on,compression_type=zstd'],
    ['-o', 'lazy_refcounts=on'],
  ])('says of an image made with %s %s what qemu-img says', async (flag, form) => {
    await qemuImg('create', '-q', '-f', 'qcow2', flag, form, 'form.qcow2', '64M')
    const { out } = await runProgram('qemu-img', ['info', '--output=json', 'form.qcow2'], cwd)
    const theirs = JSON.parse(out) as Record<'virtual-size' | 'cluster-size' | 'actual-size', number> & {
      'format-specific': { data: Record<string, unknown> }
    }
    const { data } = theirs['format-specific']
    expect(await info('form.qcow2')).toMatchObject({
      path: 'form.qcow2',
      format: 'qcow2',
      virtualSizeBytes: theirs['virtual-size'],
      allocatedBytes: theirs['actual-size'],
      fileBytes: readFileSync(join(cwd, 'form.qcow2')).length,
      qcow2: {
        version: data['compat'] === '0.10' ? 2 : 3,
        clusterBytes: theirs['cluster-size'],
        refcountBits: data['refcount-bits'],
        compression: data['compression-type'] === 'zstd' ? 'zstd' : 'deflate',
        extendedL2: data['extended-l2'] ?? false,
        lazyRefcounts: data['lazy-refcounts'] ?? false,
        dirty: false,
        corrupt: false,
        backing: null,
        ownForm: false,
      },
    })
  })

  it('says it to people in lines', async () => {
    const { out } = await runCli(['disk', 'info', 'top.qcow2'], { cwd })
    expect(out).toContain('image:         top.qcow2\nformat:        qcow2, version 3\nvirtual size:  1 GiB (1073741824 bytes)\n')
    expect(out).toContain('backing file:  base.qcow2 (qcow2)\n')
  })

  it('takes a file without the magic for raw, and says so', async () => {
    expect(await info('plain.raw')).toEqual({ path: 'plain.raw', format: 'raw', virtualSizeBytes: 3 << 20, fileBytes: 3 << 20, allocatedBytes: 0 })
  })

  it('takes an image for what --format says', async () => {
    expect(await info('-f', 'raw', 'base.qcow2')).toMatchObject({ format: 'raw', virtualSizeBytes: readFileSync(join(cwd, 'base.qcow2')).length })
    const { code, err } = await runCli(['disk', 'info', '-f', 'qcow2', 'plain.raw'], { cwd })
    expect(code).toBe(1)
    expect(err).toMatch(/^boxlite: plain\.raw: magic is not that of a qcow2 image\./)
  })

  it('takes no image of another form for raw, unless it is told to', async () => {
    for (const form of ['vmdk', 'vhdx', 'vpc', 'vdi', 'qed']) {
      await qemuImg('create', '-q', '-f', form, `other.${form}`, '1M')
      const { code, err } = await runCli(['disk', 'info', `other.${form}`], { cwd })
      expect({ form, code }).toEqual({ form, code: 1 })
      expect(err).toMatch(new RegExp(`^boxlite: other.${form} looks like an image of the form (VMDK|VHDX|VHD|VDI|QED)\\. Convert it first`))
    }
    expect(await info('-f', 'raw', 'other.vmdk')).toMatchObject({ format: 'raw' })
  })

  it('opens nothing but the image, whatever it names', async () => {
    for (const file of ['absolute.qcow2', 'a.qcow2', 'onlink.qcow2', 'onpipe.qcow2', 'unstated.qcow2']) {
      expect(await info(file)).toMatchObject({ path: file })
    }
    expect(await info('absolute.qcow2')).toMatchObject({ qcow2: { backing: { name: '/etc/passwd', kind: 'absolute', format: 'raw' } } })
  })
})

describe('a chain', () => {
  it('is shown from the top down', async () => {
    expect(await info('--backing-chain', 'top.qcow2')).toMatchObject([
      { path: 'top.qcow2', qcow2: { backing: { name: 'base.qcow2' } } },
      { path: 'base.qcow2', qcow2: { backing: null } },
    ])
  })

  it('is looked for where the image is, not where the caller is', async () => {
    const { code, out } = await runCli(['disk', 'info', '--json', '--backing-chain', join(cwd, 'top.qcow2')], { cwd: '/' })
    expect(code).toBe(0)
    expect(JSON.parse(out)).toHaveLength(2)
  })

  it('takes an unstated format from --backing-format alone', async () => {
    const { code, err } = await runCli(['disk', 'info', '--backing-chain', 'unstated.qcow2'], { cwd })
    expect(code).toBe(1)
    expect(err).toMatch(/does not state its format, which is never guessed\. Say what it is: --backing-format=qcow2/)
    expect(await info('--backing-chain', '-F', 'qcow2', 'unstated.qcow2')).toMatchObject([{}, { path: 'base.qcow2', format: 'qcow2' }])
    expect(await info('--backing-chain', '-F', 'raw', 'unstated.qcow2')).toMatchObject([{}, { path: 'base.qcow2', format: 'raw' }])
  })

  it.each([
    ['absolute.qcow2', /backs on \/etc\/passwd, which is not a plain name in the directory of the image\. Put the backing file beside/],
    ['a.qcow2', /b\.qcow2 backs on a\.qcow2, which is already part of the chain\./],
    ['onlink.qcow2', /onlink\.qcow2 backs on link\.qcow2, which cannot be used\. .*it is a symbolic link/],
    ['onpipe.qcow2', /onpipe\.qcow2 backs on pipe, which cannot be used\. .*it is not a regular file/],
  ])('that leads astray is refused: %s', async (file, text) => {
    const { code, out, err } = await runCli(['disk', 'info', '--backing-chain', file], { cwd })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(text)
  })
})
