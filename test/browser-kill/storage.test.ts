// A page's storage: full, gone, and asked to take in what is hostile.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { edited, membersOf, signed, type Member } from '../archive/members.ts'
import { because, noPages, Pages } from './pages.ts'
import type { Tab } from './tab.ts'

const MIB = 2 ** 20
/** Writes file after file and says what each holds once it is flushed, until one cannot be. */
const FILL = `n=0
while [ $n -lt 100 ] && dd if=/dev/urandom of=/root/full$n bs=1M count=1 conv=fsync 2>/dev/null; do sha256sum /root/full$n; n=$((n + 1)); done
echo full after $n`

/** Says how many bytes the site may use; null: as many as ever. */
async function setQuota({ site }: Pages, tab: Tab, bytes: number | null): Promise<void> {
  const session = await tab.devTools()
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(site.url).origin, ...(bytes !== null && { quotaSize: bytes }) })
  // The override ends with the session that asked for it.
  if (bytes === null) await session.detach()
}

describe.skipIf(noPages !== null)(`the storage of a page${because(noPages)}`, () => {
  const pages = Pages.use()

  it('is full: told as no_space, nothing is lost, and all goes on when there is room again', async () => {
    const tab = await pages.visit()
    // Before the database is opened: for half a minute after, Chromium trusts what it found to be free.
    await setQuota(pages, tab, 4 * MIB)
    await tab.call('open', 'none')
    await tab.call('createDisk', 'disk', 1024)
    const sums = [await tab.call('write', 'disk', 0)]
    await tab.call('snapshot', 'disk', 'before')
    const failures: unknown[] = []
    while (failures.length === 0) {
      await tab.call('write', 'disk', sums.length).then(
        (sum) => sums.push(sum),
        (error: unknown) => failures.push(error),
      )
    }
    expect(failures).toEqual([expect.objectContaining({ code: 'no_space', remedy: expect.stringMatching(/./) })])
    expect(sums.length).toBeGreaterThan(4)
    await tab.call('snapshot', 'disk', 'full').catch((error: unknown) => expect(error).toMatchObject({ code: 'no_space' }))
    await setQuota(pages, tab, null)
    expect(await tab.call('blocks', 'disk', sums.length)).toEqual(sums)
    expect(await tab.call('findings')).toEqual([])
    sums.push(await tab.call('write', 'disk', sums.length))
    await tab.call('snapshot', 'disk', 'after')
    await tab.call('restore', 'disk', 'before')
    expect(await tab.call('blocks', 'disk', 1)).toEqual(sums.slice(0, 1))
    await tab.call('restore', 'disk', 'after')
    expect(await tab.call('blocks', 'disk', sums.length)).toEqual(sums)
    await tab.close()
  })

  it('has no room at all, as on a full disk: boxes can be removed all the same, which makes room', async () => {
    let tab = await pages.visit()
    await tab.call('open', 'none')
    await tab.call('prune')
    const empty = await tab.call('rows')
    await tab.call('createDisk', 'kept', 64)
    const sums = [await tab.call('write', 'kept', 0)]
    await tab.call('createDisk', 'gone', 64)
    await tab.call('snapshot', 'gone', 'one')
    for (let block = 0; block < 32; block++) await tab.call('write', 'gone', block)
    // A browser that begins anew trusts nothing that it found to be free before.
    await pages.kill()
    tab = await pages.visit()
    await setQuota(pages, tab, MIB)
    await tab.call('open', 'none')
    await expect(tab.call('write', 'kept', 1)).rejects.toMatchObject({ code: 'no_space' })
    await tab.call('remove', 'gone')
    await tab.call('prune')
    expect(await tab.call('names')).not.toContain('gone')
    const { boxes, layers } = await tab.call('rows')
    expect([boxes! - empty['boxes']!, layers! - empty['layers']!]).toEqual([1, 1])
    expect(await tab.call('blocks', 'kept', 1)).toEqual(sums)
    expect(await tab.call('findings')).toEqual([])
    await setQuota(pages, tab, null)
    sums.push(await tab.call('write', 'kept', 1))
    expect(await tab.call('blocks', 'kept', 2)).toEqual(sums)
    await tab.close()
  })

  it('takes in nothing of an archive that is hostile', async () => {
    const tab = await pages.home('none')
    await tab.call('createDisk', 'good', 64)
    for (let block = 0; block < 32; block++) await tab.call('write', 'good', block)
    await tab.call('snapshot', 'good', 'one')
    await tab.call('write', 'good', 32)
    const file = join(pages.directory, 'archive')
    await tab.download('good', file)
    const archive = await readFile(file)
    const [manifest, below, above] = membersOf(archive) as [Member, Member, Member]
    const beyond = edited(above.content, (bytes) => bytes.writeBigUInt64BE(2n ** 62n, 24))
    const named = edited(manifest.content, (bytes) => bytes.write('../x', bytes.indexOf('"good"') + 1))
    const hostile: Record<string, readonly [string, Buffer]> = {
      'is cut': ['corrupt', archive.subarray(0, -2000)],
      'has another bit at its end': ['corrupt', edited(archive, (bytes) => bytes.writeUInt8(bytes[bytes.length - 4000]! ^ 1, bytes.length - 4000))],
      'writes beyond its disk, after a layer that is right': ['corrupt', signed([manifest, below, { name: above.name, content: beyond }])],
      'is named like a path': ['invalid_argument', signed([{ name: manifest.name, content: named }, below, above])],
      'is an image of pages': ['corrupt', Buffer.alloc(3 * MIB, 'x')],
    }
    const [before, findings] = [await tab.call('rows'), await tab.call('findings')]
    for (const [what, [code, bytes]] of Object.entries(hostile)) {
      await writeFile(file, bytes)
      await tab.page.setInputFiles('input', file)
      await expect(tab.call('importChosen', 'bad'), what).rejects.toMatchObject({ code })
      expect(await tab.call('rows'), what).toEqual(before)
    }
    expect(await tab.call('findings')).toEqual(findings)
    await writeFile(file, archive)
    await tab.page.setInputFiles('input', file)
    await tab.call('importChosen', 'copy')
    expect(await tab.call('blocks', 'copy', 33)).toEqual(await tab.call('blocks', 'good', 33))
    await tab.close()
  })

  it('is deleted under a page, or between two visits: said, once, and an empty home is begun with', async () => {
    const [one, other] = [await pages.home('none'), await pages.visit()]
    await one.call('createDisk', 'box', 4)
    await other.call('deleteDatabase')
    await expect(one.call('write', 'box', 0)).rejects.toMatchObject({ code: 'not_found', message: expect.stringContaining('deleted') })
    await one.close()
    /** What the next visit is told, and finds. */
    const visited = async (): Promise<[boolean, number]> => {
      await other.call('open', 'none')
      const found: [boolean, number] = [await other.call('missesHome'), (await other.call('names')).length]
      await other.call('createDisk', `disk-${found[1]}`, 4)
      await other.call('close')
      return found
    }
    expect(await visited()).toEqual([true, 0])
    expect(await visited()).toEqual([false, 1])
    await other.call('deleteDatabase')
    expect(await visited()).toEqual([true, 0])
    expect(await visited()).toEqual([false, 1])
    await other.close()
  })
})

// In a browser of its own: what Chromium found to be free for the tests before it would hide the quota.
describe.skipIf(noPages !== null)(`the storage of a page with a guest${because(noPages)}`, () => {
  const pages = Pages.use()

  it('is full under a guest that runs: the guest and its snapshot are told, what was flushed is there after a start with room', async () => {
    const tab = await pages.visit()
    // The guest's files take most of it.
    await setQuota(pages, tab, (await tab.call('usedBytes')) + 15 * MIB)
    await tab.call('open')
    await tab.call('make', 'guest')
    await tab.call('snapshot', 'guest', 'before')
    const said = await tab.call('exec', 'guest', FILL)
    const sums = said.split('\n').filter((line) => line.includes('/root/full'))
    expect(sums.length).toBeGreaterThan(0)
    expect(said).toContain('full after')
    await expect(tab.call('snapshot', 'guest', 'full')).rejects.toMatchObject({ code: 'no_space' })
    await setQuota(pages, tab, null)
    await tab.call('stop', 'guest')
    await tab.call('start', 'guest')
    expect((await tab.call('exec', 'guest', `sha256sum ${sums.map((_, n) => `/root/full${n}`).join(' ')}`)).trim().split('\n')).toEqual(sums)
    await tab.call('exec', 'guest', 'dd if=/dev/urandom of=/root/more bs=1M count=1 conv=fsync')
    await tab.call('snapshot', 'guest', 'after')
    await tab.call('stop', 'guest')
    expect(Object.keys(await tab.call('digests', 'guest'))).toEqual(['after', 'before'])
    expect((await tab.call('findings')).filter(({ severity }) => severity !== 'leftover')).toEqual([])
    await tab.close()
  })
})
