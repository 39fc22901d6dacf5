// What the page asks before it acts, and what it does with the answers. Buttons and shortcuts both come here.

import type { BoxInfo, SnapshotInfo } from 'boxlite'
import { createBox, removeBox } from './actions/boxes.ts'
import { branchBox, removeSnapshot, restoreSnapshot, takeSnapshot } from './actions/snapshots.ts'
import type { App } from './app.ts'
import { ask } from './dialogs.ts'
import { counted, freeName, titleOf } from './format.ts'

/** Enough for a shell and its tools, little enough for a phone. */
const MEMORY_MIB = 256

export async function askForBox(app: App): Promise<void> {
  const { boxes, engine } = app.model.state
  const images = await app.lite.images.list()
  const answers = await ask({
    title: 'New box',
    fields: [
      { name: 'name', label: 'Name', value: freeName('box', boxes.map(({ name }) => name)) },
      { name: 'image', label: 'Image', value: 'base', choices: images.map(({ reference }) => ({ value: reference, label: reference })) },
      {
        name: 'memory',
        label: 'Memory in MiB',
        kind: 'number',
        value: String(MEMORY_MIB),
        min: engine?.capabilities.minMemoryMib ?? 1,
        max: engine?.capabilities.maxMemoryMib ?? MEMORY_MIB,
      },
    ],
    confirm: 'Create and start',
  })
  if (answers === null) return
  const { name = '', image = 'base', memory = '' } = answers
  await createBox(app, { name, image, memoryMib: Number(memory) })
}

/** The shortest way to a shell. */
export async function createFirstBox(app: App): Promise<void> {
  const name = freeName('box', app.model.state.boxes.map(({ name: taken }) => taken))
  await createBox(app, { name, image: 'base', memoryMib: MEMORY_MIB })
}

export async function askToRemoveBox(app: App): Promise<void> {
  const box = idleBox(app)
  if (box === null) return
  const answers = await ask({
    title: `Remove '${titleOf(box)}'?`,
    text: `Its disk and ${counted(box.snapshotCount, 'snapshot')} are deleted. Boxes that were branched off it stay. This cannot be undone.`,
    confirm: 'Remove box',
    danger: true,
  })
  if (answers !== null) await removeBox(app, box.id)
}

export async function askForSnapshot(app: App): Promise<void> {
  const box = idleBox(app)
  if (box === null || app.model.state.shown === null) return
  const answers = await ask({
    title: `Snapshot of '${titleOf(box)}'`,
    text: 'Names the disk as it is now. The box goes on running.',
    fields: [
      { name: 'name', label: 'Name', value: freeName('snapshot', namesOf(app)) },
      { name: 'description', label: 'Note', required: false },
    ],
    confirm: 'Take snapshot',
  })
  if (answers !== null) await takeSnapshot(app, box.id, answers['name'] ?? '', answers['description'] ?? '')
}

export async function askToRestore(app: App, snapshot: SnapshotInfo): Promise<void> {
  const box = idleBox(app)
  if (box === null) return
  const running = box.state === 'running'
  const answers = await ask({
    title: `Restore '${snapshot.name}'?`,
    text: running
      ? 'The disk goes back to what it was at that moment; the box is stopped for it and started again.'
      : 'The disk goes back to what it was at that moment.',
    fields: [
      {
        name: 'keep',
        label: 'Keep the present under the name',
        value: '',
        required: false,
        hint: 'Left empty, what was written since the newest snapshot is lost.',
      },
    ],
    confirm: 'Restore',
  })
  if (answers !== null) await restoreSnapshot(app, box.id, snapshot.name, answers['keep'] || null)
}

/** `snapshot` is null for the present. */
export async function askToBranch(app: App, snapshot: SnapshotInfo | null): Promise<void> {
  const box = idleBox(app)
  if (box === null) return
  const { boxes } = app.model.state
  const from = snapshot === null ? `'${titleOf(box)}' as it is now` : `the snapshot '${snapshot.name}'`
  const answers = await ask({
    title: 'Branch into a box of its own',
    text: `A second box starts from ${from}. Nothing is copied; from then on each has its own history.`,
    fields: [{ name: 'name', label: 'Name', value: freeName(snapshot?.name ?? titleOf(box), boxes.map(({ name }) => name)) }],
    confirm: 'Branch',
  })
  if (answers !== null) await branchBox(app, box.id, snapshot?.name ?? null, answers['name'] ?? '')
}

export async function askToRemoveSnapshot(app: App, { name }: SnapshotInfo): Promise<void> {
  const box = idleBox(app)
  if (box === null) return
  const answers = await ask({
    title: `Remove the snapshot '${name}'?`,
    text: 'What was taken after it stays. It cannot be restored any more.',
    confirm: 'Remove snapshot',
    danger: true,
  })
  if (answers !== null) await removeSnapshot(app, box.id, name)
}

/** The box that is shown, where nothing is under way with it: its answer would come too late. */
function idleBox(app: App): BoxInfo | null {
  const { box } = app.model
  if (box === null || !app.model.isBusy(box.id)) return box
  app.say(`Something is being done with '${titleOf(box)}' just now`)
  return null
}

function namesOf(app: App): string[] {
  const names: string[] = []
  const visit = (nodes: readonly { readonly name: string; readonly children: readonly unknown[] }[]): void => {
    for (const { name, children } of nodes) {
      names.push(name)
      visit(children as typeof nodes)
    }
  }
  visit(app.model.state.shown?.tree.roots ?? [])
  return names
}
