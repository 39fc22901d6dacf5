import { isBoxLiteError } from '../../../../src/error.ts'
import type { BoxLite, OldHome, OldRecovery } from '../../index.ts'
import { defineCommand, jsonOption } from '../command.ts'
import { count } from '../count.ts'
import { printable } from '../printable.ts'
import { reportError } from '../report-error.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'
import { homeOption } from './options.ts'
import { withHome } from './with-box.ts'

/** What became of one box of the old home. */
interface Adopted {
  readonly id: string
  readonly name: string
  readonly snapshotCount: number
  readonly recovery: OldRecovery
}

export const boxAdopt = defineCommand({
  path: 'adopt',
  summary: 'copy boxes of boxlite 0.9 or 0.10 into this home, with their snapshots',
  details:
    'OLD_HOME is usually ~/.boxlite. Without BOX every box there is adopted that was not adopted before. A new box is called what its id was. A ' +
    'snapshot that was interrupted there is settled; nothing else in OLD_HOME changes. A box that may be running is refused.',
  operands: ['OLD_HOME', '[BOX...]'],
  options: { ...homeOption, ...jsonOption },
  async run(terminal, options, [oldHome, ...boxes]) {
    const { openOldHome } = await import('../../node.ts')
    const old = await openOldHome(oldHome!)
    let failed = 0
    const adopted: Adopted[] = []
    try {
      await withHome(terminal, { home: options.home }, async (lite) => {
        for (const id of boxes.length > 0 ? boxes : await unknownBoxes(old, lite)) {
          terminal.signal.throwIfAborted()
          try {
            adopted.push(await adoptOne(terminal, lite, old, id))
          } catch (error) {
            // One box that cannot be adopted keeps nobody from the others.
            if (!isBoxLiteError(error) || error.code === 'aborted') throw error
            failed++
            for (const line of reportError(error, { json: options.json === true, debug: terminal.isDebugging })) terminal.tell(line)
          }
        }
      })
    } finally {
      await old.files.close()
    }
    if (options.json === true) terminal.printJson(adopted)
    else terminal.print([...adopted.map(describe), ...(adopted.length + failed === 0 ? ['There is nothing to adopt.'] : [])])
    return failed === 0 ? 0 : 1
  },
})

/** The boxes of the old home whose ids are no names here. */
async function unknownBoxes(old: OldHome, lite: BoxLite): Promise<string[]> {
  const known = new Set((await lite.list()).map(({ name }) => name))
  if ((await old.files.kind('boxes')) !== 'directory') return []
  return (await old.files.list('boxes')).filter((id) => !known.has(id)).toSorted()
}

async function adoptOne(terminal: Terminal, lite: BoxLite, old: OldHome, oldId: string): Promise<Adopted> {
  const { box, recovery } = await watch(terminal, `Adopting ${printable(oldId)}`, (watched) => lite.adopt(old, oldId, watched))
  const { snapshotCount } = await box.info()
  return { id: box.id, name: oldId, snapshotCount, recovery }
}

function describe({ id, name, snapshotCount, recovery }: Adopted): string {
  const settled = recovery.fate === 'none' ? '' : `; what was interrupted there is settled (${recovery.fate})`
  return `Adopted box '${printable(name)}' (${id}), with ${count(snapshotCount, 'snapshot')}${settled}`
}
