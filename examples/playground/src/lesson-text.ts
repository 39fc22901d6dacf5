// Reads a lesson: Markdown whose steps check themselves. README.md describes the fences.

import { marked, type Token, type Tokens } from 'marked'

/** What has to be so for a step to be done. */
export interface Check {
  /**
   * `passes`: a shell script exits with 0 in the box. `fails`: it does not, or cannot even be started. `snapshot`: the box has one of
   * that name.
   */
  readonly kind: 'passes' | 'fails' | 'snapshot'
  /** The script, or the name of the snapshot. */
  readonly body: string
  /** Said when it is not so: the script's first comment. */
  readonly hint: string
}

/** What a step says: Markdown made to HTML, or commands that can be typed for the reader. */
export type Part = { readonly kind: 'html'; readonly html: string } | { readonly kind: 'commands'; readonly text: string }

export interface Step {
  readonly title: string
  readonly parts: readonly Part[]
  readonly checks: readonly Check[]
}

export interface Lesson {
  readonly title: string
  /** What stands before the first step. */
  readonly introduction: string
  readonly steps: readonly Step[]
}

/** The lesson of a Markdown text. Throws where it is not one: a step without a check could never be done. */
export function parseLesson(markdown: string): Lesson {
  const tokens = marked.lexer(markdown)
  const title = tokens.find((token): token is Tokens.Heading => token.type === 'heading' && token.depth === 1)?.text
  if (title === undefined) throw new Error('A lesson begins with a title: "# Title"')
  const [before = [], ...sections] = split(tokens.filter((token) => !(token.type === 'heading' && token.depth === 1)))
  const steps = sections.map(stepOf)
  if (steps.length === 0) throw new Error('A lesson has steps: "## Step"')
  return { title, introduction: marked.parser(before), steps }
}

/** Cuts before each heading of the second level. */
function split(tokens: readonly Token[]): Token[][] {
  const sections: Token[][] = [[]]
  for (const token of tokens) {
    if (token.type === 'heading' && token.depth === 2) sections.push([])
    sections.at(-1)?.push(token)
  }
  return sections
}

function stepOf([heading, ...tokens]: readonly Token[]): Step {
  const title = (heading as Tokens.Heading).text
  const parts: Part[] = []
  const checks: Check[] = []
  for (const token of tokens) {
    const fence = token.type === 'code' ? (token as Tokens.Code) : null
    const [word, ...words] = (fence?.lang ?? '').split(/\s+/)
    if (fence !== null && word === 'check') checks.push(checkOf(title, words, fence.text))
    else if (fence !== null && word === 'run') parts.push({ kind: 'commands', text: fence.text })
    else parts.push({ kind: 'html', html: marked.parser([token]) })
  }
  if (checks.length === 0) throw new Error(`The step '${title}' has no check`)
  return { title, parts, checks }
}

function checkOf(title: string, [word = 'passes', ...rest]: readonly string[], text: string): Check {
  const hint = /^# *(.+)$/m.exec(text)?.[1]
  if (hint === undefined) throw new Error(`A check of the step '${title}' has no hint: begin it with a comment, "# what to do"`)
  if (word === 'snapshot' && rest.length === 1) return { kind: 'snapshot', body: rest[0] as string, hint }
  if ((word === 'passes' || word === 'fails') && rest.length === 0) return { kind: word, body: text, hint }
  throw new Error(`The step '${title}' has a check that is none: '${[word, ...rest].join(' ')}'`)
}
