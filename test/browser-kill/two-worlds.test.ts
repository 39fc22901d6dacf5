// One box, two worlds: made by Node on QEMU, gone on with in a page on v86, and back.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { BoxLite, readArchiveFile, writeArchiveFile, type Box } from '../../hosts/node/node.ts'
import { QemuEngine } from '../../hosts/node/qemu/engine.ts'
import { SMALL } from '../api/api-suite.ts'
import { snapshotDigests } from './digest.ts'
import { because, noPages, Pages } from './pages.ts'

/** Adds a file, changes another, and answers the sums of all, which are kept beside them. */
const change = (name: string): string => `mkdir -p /root/data && cd /root/data || exit 1
dd if=/dev/urandom of=${name} bs=1024 count=200 2>/dev/null && dd if=/dev/urandom of=changed bs=1024 count=50 2>/dev/null || exit 1
sha256sum * > /root/sums && sync && cat /root/sums`

/** Compares the files with the sums; answers the sums. */
const CHECK = 'cd /root/data && sha256sum -c /root/sums > /dev/null && cat /root/sums'

const noQemu = async (): Promise<string | null> => {
  const { accelerator, refused } = await new QemuEngine().probe()
  return accelerator === null ? refused.map(({ reason }) => reason).join(' ') : null
}
const whyNot = noPages ?? (await noQemu())

describe.skipIf(whyNot !== null)(`one box, two worlds${because(whyNot)}`, () => {
  const pages = Pages.use()

  async function inNode<T>(home: string, use: (lite: BoxLite) => Promise<T>): Promise<T> {
    await using lite = await BoxLite.open({ homeDir: join(pages.directory, home), engine: 'qemu' })
    return await use(lite)
  }

  const sh = async (box: Box, script: string): Promise<string> => (await box.exec('sh', ['-c', script]).orThrow()).stdout

  it('goes from Node to a page and back: files, four snapshots, and the archive to the byte', async () => {
    const inDirectory = (name: string): string => join(pages.directory, `${name}.boxlite`)
    const [outward, again, own, homeward] = [inDirectory('outward'), inDirectory('again'), inDirectory('own'), inDirectory('homeward')]
    const sums: Record<string, string> = {}
    const made = await inNode('first', async (lite) => {
      const box = await lite.create({ name: 'traveller', ...SMALL })
      for (const name of ['one', 'two', 'three']) {
        sums[name] = await sh(box, change(name))
        await box.snapshot.create(name)
      }
      await box.stop()
      await writeArchiveFile(outward, box.export())
      return snapshotDigests(box)
    })

    const tab = await pages.home()
    await tab.page.setInputFiles('input', outward)
    await tab.call('importChosen')
    expect(await tab.call('digests', 'traveller')).toEqual(made)
    await tab.download('traveller', again)
    expect(await tab.call('exec', 'traveller', CHECK)).toBe(sums['three'])
    sums['four'] = await tab.call('exec', 'traveller', change('four'))
    await tab.call('snapshot', 'traveller', 'four')
    await tab.call('stop', 'traveller')
    const left = await tab.call('digests', 'traveller')
    await tab.download('traveller', homeward)
    expect(await tab.call('findings')).toEqual([])

    await inNode('second', async (lite) => {
      const box = await lite.import(readArchiveFile(homeward))
      expect(await snapshotDigests(box)).toEqual({ ...made, four: left['four'] })
      for (const name of ['four', 'two', 'three', 'one']) {
        await box.snapshot.restore(name, { restart: true })
        expect(await sh(box, CHECK), name).toBe(sums[name])
      }
    })
    // What either world makes of one archive is the same, byte for byte.
    await inNode('third', async (lite) => {
      const box = await lite.import(readArchiveFile(outward))
      await writeArchiveFile(own, box.export())
      expect((await readFile(again)).equals(await readFile(own))).toBe(true)
    })
  })
})
