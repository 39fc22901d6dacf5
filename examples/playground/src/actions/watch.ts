// Follows what this tab does with a box.

import type { Box } from 'boxlite'
import type { App } from '../app.ts'
import { titleOf } from '../format.ts'

const watched = new Set<string>()

/** Listens to a box from now on; `changed` is called when it may look different. Its events tell of machines of this tab alone. */
export function watch(app: App, box: Box, changed: () => void): void {
  if (watched.has(box.id)) return
  watched.add(box.id)
  box.on('state', ({ state }) => {
    const others = app.model.state.here.filter((id) => id !== box.id)
    if (state === 'running') app.model.update({ here: [...others, box.id] })
    if (state === 'stopped' || state === 'failed') app.model.update({ here: others })
    changed()
  })
  box.on('ended', ({ exit }) => {
    if (exit.reason === 'crashed') app.fail(`Running '${titleOf(box)}'`, new Error(exit.detail))
  })
  box.on('finding', ({ finding }) => {
    if (finding.kind !== 'not-frozen') return
    app.say('The guest did not hold still in time: this snapshot is as a power cut would have left the disk')
  })
  box.on('removed', () => watched.delete(box.id))
}
