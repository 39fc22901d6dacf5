// Locks between processes: one owner, freed by its death at once, whichever way the kernel offers them.
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDirectoryLatches } from '../../hosts/node/directory-latches.ts'
import { BoxLite } from '../../hosts/node/index.ts'
import { createNamedLatches } from '../../hosts/node/named-latches.ts'
import { isBoxLiteError } from '../../src/error.ts'
import { HOME_SLOTS, LatchLocks, type Latches } from '../../src/store/latch-locks.ts'
import { Child } from './child.ts'

let directory: string
let home: string
let children: Child[]
beforeEach(async () => {
  // Short: the path of a socket has little room.
  directory = await mkdtemp(join(tmpdir(), 'l-'))
  home = directory
  children = []
})
afterEach(async () => {
  for (const child of children) await child.kill()
  await rm(directory, { recursive: true })
})

const kinds: Readonly<Record<string, () => Latches>> = {
  named: () => createNamedLatches(home),
  directory: () => createDirectoryLatches(home, join(directory, 'locks')),
}

for (const [kind, create] of Object.entries(kinds)) {
  async function start(name: string): Promise<Child> {
    const child = new Child('latch.mjs', kind, home, join(directory, 'locks'), name)
    children.push(child)
    expect((await child.line()) ?? (await child.end())).toBe('ready')
    return child
  }

  /** A process of its own that shares the home, with so many slots to choose from. */
  async function sharer(slots: number): Promise<(line: 'share' | 'leave') => Promise<string | null>> {
    const child = new Child('sharer.mjs', kind, home, join(directory, 'locks'), String(slots))
    children.push(child)
    expect((await child.line()) ?? (await child.end())).toBe('ready')
    return (line) => {
      child.say(line)
      return child.line()
    }
  }

  describe(`a home lock that is kept (${kind})`, () => {
    it('gives way to who wants to be alone, unless it is in use', async () => {
      const locks = new LatchLocks(create(), 0)
      const say = await sharer(HOME_SLOTS)
      for (let round = 0; round < 3; round++) {
        expect(await say('share')).toBe('shared')
        expect(await locks.take({ kind: 'home', mode: 'exclusive' })).toBeNull()
        expect(await say('leave')).toBe('left')
        const alone = await locks.take({ kind: 'home', mode: 'exclusive' })
        expect(alone).not.toBeNull()
        expect(await say('share')).toBe('busy')
        await alone!.release()
      }
    })

    it('gives way to one more sharer where every slot has an owner', async () => {
      const locks = new LatchLocks(create(), 0, 1)
      const say = await sharer(1)
      expect(await say('share')).toBe('shared')
      expect(await locks.take({ kind: 'home', mode: 'shared' })).toBeNull()
      expect(await say('leave')).toBe('left')
      const mine = await locks.take({ kind: 'home', mode: 'shared' })
      expect(mine).not.toBeNull()
      expect(await say('share')).toBe('busy')
      await mine!.release()
      expect(await say('share')).toBe('shared')
      await locks.close()
    })

    it('of a stopped process stays its own, and goes with the process', async () => {
      const locks = new LatchLocks(create(), 0)
      const say = await sharer(HOME_SLOTS)
      expect(await say('share')).toBe('shared')
      expect(await say('leave')).toBe('left')
      children[0]!.process.kill('SIGSTOP')
      expect(await locks.take({ kind: 'home', mode: 'exclusive' })).toBeNull()
      await children[0]!.kill()
      expect(await locks.take({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
      await locks.close()
    })
  })

  describe(`a latch (${kind})`, () => {
    it('that another process has cannot be taken, until that process is killed: then at once', async () => {
      const latches = create()
      for (let round = 0; round < 3; round++) {
        const child = await start('box 1')
        child.say('go')
        expect(await child.line()).toBe('won')
        expect(await latches.take('box 1')).toBeNull()
        expect(await latches.isTaken('box 1')).toBe(true)
        expect(await latches.isTaken('box 2')).toBe(false)
        await child.kill()
        expect(await latches.isTaken('box 1')).toBe(false)
        const latch = await latches.take('box 1')
        expect(latch).not.toBeNull()
        await latch!.release()
      }
    })

    it('goes to exactly one of those who try at once', async () => {
      for (let round = 0; round < 3; round++) {
        const rivals = await Promise.all(Array.from({ length: 6 }, () => start(`round ${round}`)))
        for (const rival of rivals) rival.say('go')
        const answers = await Promise.all(rivals.map(async (rival) => (await rival.line()) ?? rival.end()))
        expect(answers.sort()).toEqual(['lost', 'lost', 'lost', 'lost', 'lost', 'won'])
        await Promise.all(rivals.map((rival) => rival.kill()))
      }
    })

    it('goes to exactly one of those who try at once in one process', async () => {
      const [one, two] = [create(), create()]
      for (let round = 0; round < 20; round++) {
        const taken = await Promise.all([one.take('x'), two.take('x'), one.take('x'), two.take('x')])
        const won = taken.filter((latch) => latch !== null)
        expect(won.length).toBe(1)
        await won[0]!.release()
        await won[0]!.release()
      }
    })

    it('is nobody else’s of another home', async () => {
      expect(await create().take('x')).not.toBeNull()
      home = `${home}-2`
      expect(await create().take('x')).not.toBeNull()
    })

    it('makes a home lock that many share and one has alone', async () => {
      const [one, two] = [new LatchLocks(create(), 0), new LatchLocks(create(), 0)]
      const shared = await Promise.all([one.take({ kind: 'home', mode: 'shared' }), two.take({ kind: 'home', mode: 'shared' })])
      expect(shared).not.toContain(null)
      expect(await one.take({ kind: 'home', mode: 'exclusive' })).toBeNull()
      for (const held of shared) await held!.release()
      expect(await one.take({ kind: 'home', mode: 'exclusive' })).not.toBeNull()
      expect(await two.take({ kind: 'home', mode: 'shared' })).toBeNull()
      const waits = two.take({ kind: 'home', mode: 'shared' })
      await one.close()
      expect(await waits).not.toBeNull()
      await two.close()
    })
  })
}

describe('an open home', () => {
  it('that does nothing is pruned by another process, and goes on', async () => {
    const lite = await BoxLite.open({ homeDir: home })
    await lite.create({ name: 'box', diskSizeGb: 2 ** -10 })
    const child = new Child('open-home.mjs', home, 'box')
    children.push(child)
    expect((await child.line()) ?? (await child.end())).toBe('ready')
    for (const name of ['one', 'two']) {
      child.say(name)
      expect(await child.line()).toBe(`made ${name}`)
      const box = (await lite.get('box'))!
      await box.snapshot.remove(name)
      expect((await lite.prune()).merged).toBe(1)
    }
    await lite.close()
  })
})

describe.runIf(process.platform === 'linux')('a named latch on Linux', () => {
  it('is an abstract socket whose name fills its field: every Node binds the same', async () => {
    const names = async (): Promise<Set<string>> => new Set((await readFile('/proc/net/unix', 'utf8')).match(/@boxlite\.\S+/g))
    const before = await names()
    const latch = await createNamedLatches(home).take('x'.repeat(1000))
    const mine = [...(await names())].filter((name) => !before.has(name))
    expect(mine).toContainEqual(expect.stringMatching(/^@boxlite\.[0-9a-f]{99}$/))
    await latch!.release()
  })
})

describe('a directory of latches', () => {
  it('keeps no name of those who gave theirs back, or died and were found out', async () => {
    const latches = createDirectoryLatches(home, join(directory, 'locks'))
    const child = new Child('latch.mjs', 'directory', home, join(directory, 'locks'), 'x')
    children.push(child)
    await child.line()
    child.say('go')
    expect(await child.line()).toBe('won')
    await child.kill()
    expect((await readdir(join(directory, 'locks'))).length).toBe(1)
    await (await latches.take('x'))!.release()
    expect(await readdir(join(directory, 'locks'))).toEqual([])
  })

  it('is refused where its path would be cut off without a word, and everyone would have it', async () => {
    const long = join(directory, 'x'.repeat(45))
    expect(() => createDirectoryLatches(home, long)).toThrow(expect.objectContaining({ code: 'limit' }))
    expect(await readdir(directory)).toEqual([])
  })

  it('is not one that somebody else could have planted', async () => {
    await symlink(tmpdir(), join(directory, 'locks'))
    await expect(createDirectoryLatches(home, join(directory, 'locks')).take('x')).rejects.toSatisfy((error) => isBoxLiteError(error, 'io'))
  })
})
