// What works on boxes until it is killed, the same in a child process and in a page. Each line says what it is about to do ('>'),
// has done ('<') or was refused ('!'): `> write left 3 <sha256>`, `< write left 3 <sha256>`, `! busy`. What has been said to be
// done must never be lost.

export const BLOCK_BYTES = 64 * 1024

/** SHA-256 in hexadecimal. */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Works on the box `own` and on `shared`, which others work on too, for ever. `say` is done when the line is where no kill reaches it. */
export async function work({ lite, own, shared, prefix, below, say }) {
  let names = 0
  const box = await lite.get(own)
  const common = await lite.get(shared)
  const any = (list) => list[below(list.length)]

  /** Does one thing and says so. A refusal because someone else is at it is part of life; anything else ends the test. */
  async function act(words, doIt) {
    await say('>', ...words)
    try {
      await doIt()
    } catch (error) {
      if (error.code !== 'busy') throw error
      await say('!', error.code)
      return
    }
    await say('<', ...words)
  }

  async function write() {
    const disk = await box.disk()
    try {
      for (let blocks = 1 + below(4); blocks > 0; blocks--) {
        const block = below(disk.sizeBytes / BLOCK_BYTES)
        const bytes = crypto.getRandomValues(new Uint8Array(BLOCK_BYTES))
        await act(['write', own, block, await sha256(bytes)], async () => {
          await disk.write(block * BLOCK_BYTES, bytes)
          await disk.flush()
        })
      }
    } finally {
      await disk.close()
    }
  }

  async function tryWrite() {
    try {
      await write()
    } catch (error) {
      if (error.code !== 'busy') throw error
    }
  }

  async function snapshot(box) {
    const name = `${prefix}-${names++}`
    await act(['create', box.name, name], () => box.snapshot.create(name))
  }

  // Of the box that two work on, each touches what it made itself, in this round or an earlier one.
  const snapshotsOf = async (box) => (await box.snapshot.list()).filter(({ name }) => box.name === own || name.startsWith(`${own}-`))
  // Without it every round would be longer than the one before: everything is read again after each.
  const isCrowded = async (box) => (await snapshotsOf(box)).length > 4

  async function removeOne(box) {
    const mine = await snapshotsOf(box)
    if (mine.length === 0) return
    const { name } = any(mine)
    await act(['remove', box.name, name], () => box.snapshot.remove(name))
  }

  async function restore() {
    const snapshots = await box.snapshot.list()
    if (snapshots.length === 0) return
    const { name } = any(snapshots)
    await act(['restore', own, name], () => box.snapshot.restore(name))
  }

  async function clone() {
    const snapshots = await box.snapshot.list()
    const from = snapshots.length > 0 && below(2) === 0 ? any(snapshots).name : null
    const name = `${prefix}-clone-${names++}`
    await act(['clone', own, name, from ?? ''], () => box.clone(from === null ? { name } : { name, snapshot: from }))
  }

  const clones = async () => (await lite.list()).filter(({ name }) => name?.startsWith(`${own}-`))

  async function drop() {
    const present = await clones()
    if (present.length === 0) return
    const { name } = any(present)
    await act(['drop', name], () => lite.remove(name))
  }

  await say('ready')
  for (;;) {
    const dice = below(20)
    const crowded = await isCrowded(box)
    if (dice < 6) await tryWrite()
    else if (dice < 10 && !crowded) await snapshot(box)
    else if (dice < 12 || crowded) await removeOne(box)
    else if (dice < 14) await restore()
    else if (dice < 15 && (await clones()).length < 3) await clone()
    else if (dice < 16) await drop()
    else if (dice < 17) await act(['prune'], () => lite.prune())
    else if (dice < 19 && !(await isCrowded(common))) await snapshot(common)
    else await removeOne(common)
  }
}
