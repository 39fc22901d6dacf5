// The lesson: a box of its own, steps that are found to be done by looking into it, and the way back to its first moment.

import { type Box, isBoxLiteError } from 'boxlite'
import type { App } from '../app.ts'
import type { Check, Lesson } from '../lesson-text.ts'
import { freeName } from '../format.ts'
import { recall, remember } from '../memory.ts'
import type { LessonProgress } from '../model.ts'
import { createBox } from './boxes.ts'
import { refresh } from './home.ts'

const FIRST_SNAPSHOT = 'lesson-start'
const CHECK_LIMIT_MS = 10_000
const MEMORY_MIB = 192

/** What an earlier visit left, where its box is still there. */
export function recallLesson(app: App): void {
  const text = recall('lesson')
  if (text === null) return
  const { boxId, doneSteps } = JSON.parse(text) as LessonProgress
  if (app.model.state.boxes.some(({ id }) => id === boxId)) app.model.update({ lesson: { boxId, doneSteps }, side: 'lesson' })
}

/** Makes the lesson's box, and names its first moment. */
export async function beginLesson(app: App): Promise<void> {
  const name = freeName('lesson', app.model.state.boxes.map(({ name: taken }) => taken))
  const box = await createBox(app, { name, image: 'base', memoryMib: MEMORY_MIB })
  if (box === null) return
  const named = await app.perform('Naming the first moment', () => box.snapshot.create(FIRST_SNAPSHOT, { description: 'Where the lesson begins' }))
  await refresh(app)
  if (named !== null) advance(app, { boxId: box.id, doneSteps: 0 })
}

/** Back to the first moment of the lesson; what was named since is forgotten. */
export async function resetLesson(app: App): Promise<void> {
  const { lesson } = app.model.state
  if (lesson === null) return
  const box = await app.box(lesson.boxId)
  const done = await app.perform(
    'Resetting the lesson',
    async ({ onProgress }) => {
      await box.snapshot.restore(FIRST_SNAPSHOT, { restart: true, onProgress })
      for (const { name } of await box.snapshot.list()) if (name !== FIRST_SNAPSHOT) await box.snapshot.remove(name)
      return true
    },
    { boxId: box.id, done: 'The lesson is back at its beginning' },
  )
  await refresh(app)
  if (done !== null) advance(app, { boxId: box.id, doneSteps: 0 })
}

/** Whether a look is under way: one at a time, and one more where it was called for meanwhile, by a person or not. */
let looking = false
let again: { readonly asked: boolean } | null = null

/** Looks whether the present step is done, and goes on where it is. `asked`: by a person, who is told what is missing. */
export async function checkLesson(app: App, lesson: Lesson, asked: boolean): Promise<void> {
  if (looking) {
    again = { asked: asked || again?.asked === true }
    return
  }
  looking = true
  try {
    for (let next: typeof again = { asked }; next !== null; next = again) {
      again = null
      await checkOnce(app, lesson, next.asked)
    }
  } finally {
    looking = false
  }
}

async function checkOnce(app: App, { steps }: Lesson, asked: boolean): Promise<void> {
  const { lesson, boxes } = app.model.state
  const step = lesson === null ? undefined : steps[lesson.doneSteps]
  const box = lesson === null ? null : await app.lite.get(lesson.boxId)
  if (lesson === null || box === null || step === undefined) return
  // To look into a box that is being stopped would start it again.
  const runs = boxes.some(({ id, state }) => id === box.id && state === 'running') && !app.model.isBusy(box.id)
  for (const check of step.checks) {
    if ((runs || check.kind === 'snapshot') && (await holds(box, check))) continue
    if (asked) app.model.update({ lessonHint: runs ? check.hint : 'The box of the lesson does not run. Start it first.' })
    if (asked) app.say(check.hint)
    return
  }
  // It may have been reset in the meantime.
  if (app.model.state.lesson !== lesson) return
  app.say(`Step ${lesson.doneSteps + 1} of ${steps.length} is done: ${step.title}`)
  advance(app, { ...lesson, doneSteps: lesson.doneSteps + 1 })
}

async function holds(box: Box, { kind, body }: Check): Promise<boolean> {
  if (kind === 'snapshot') return (await box.snapshot.get(body)) !== null
  try {
    const { exitCode } = await box.exec('/bin/sh', ['-e', '-c', body], { timeoutMs: CHECK_LIMIT_MS })
    return (exitCode === 0) === (kind === 'passes')
  } catch (error) {
    // Without a shell no script can run: that is what some steps are about.
    if (isBoxLiteError(error, 'not_found') || isBoxLiteError(error, 'invalid_argument')) return kind === 'fails'
    // The box stopped, or is being restored.
    if (isBoxLiteError(error)) return false
    throw error
  }
}

function advance(app: App, lesson: LessonProgress): void {
  remember('lesson', JSON.stringify(lesson))
  app.model.update({ lesson, lessonHint: null })
}
