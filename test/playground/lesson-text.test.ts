// How a lesson is read, and that the one in the playground is one.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseLesson } from '../../examples/playground/src/lesson-text.ts'

const text = `# Title

Why.

## First

Do *this*:

\`\`\`run
ls /
\`\`\`

\`\`\`check
# It is not there.
test -e /a
\`\`\`

## Second

\`\`\`sh
not a check
\`\`\`

\`\`\`check snapshot safe
# Take it.
\`\`\`

\`\`\`check fails
# It still works.
/bin/true
\`\`\`
`

describe('a lesson', () => {
  it('has a title, an introduction and steps with what has to be so', () => {
    const lesson = parseLesson(text)
    expect(lesson.title).toBe('Title')
    expect(lesson.introduction).toContain('<p>Why.</p>')
    expect(lesson.steps.map(({ title, checks }) => ({ title, checks }))).toEqual([
      { title: 'First', checks: [{ kind: 'passes', body: '# It is not there.\ntest -e /a', hint: 'It is not there.' }] },
      {
        title: 'Second',
        checks: [
          { kind: 'snapshot', body: 'safe', hint: 'Take it.' },
          { kind: 'fails', body: '# It still works.\n/bin/true', hint: 'It still works.' },
        ],
      },
    ])
  })

  it('shows commands that can be typed for the reader, and other code as code', () => {
    const [first, second] = parseLesson(text).steps
    expect(first!.parts.find(({ kind }) => kind === 'commands')).toEqual({ kind: 'commands', text: 'ls /' })
    expect(second!.parts.every(({ kind }) => kind === 'html')).toBe(true)
  })

  it.each([
    ['without a title', '## Step\n\n```check\n# a\n```'],
    ['without a step', '# Title'],
    ['with a step that could never be done', '# Title\n\n## Step\n\ntext'],
    ['with a check that says nothing', '# Title\n\n## Step\n\n```check\ntrue\n```'],
    ['with a check of a kind that there is not', '# Title\n\n## Step\n\n```check maybe\n# a\n```'],
  ])('is refused %s', (_what, wrong) => {
    expect(() => parseLesson(wrong)).toThrow()
  })

  it('is what the playground has', () => {
    const lesson = parseLesson(readFileSync(new URL('../../examples/playground/lessons/break-and-restore.md', import.meta.url), 'utf8'))
    expect(lesson.steps.length).toBe(7)
  })
})
