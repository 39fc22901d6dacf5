import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes long, the longest first. Vitest begins with the largest files where it never ran before, and these are not large. */
const LONGEST = [
  'crash/mutants.test.ts',
  'browser-kill/kill-loop.test.ts',
  'node/kill-loop.test.ts',
  'api/commands.test.ts',
  'crash/corpus.test.ts',
  'examples/node-code-runner.test.ts',
  'cli/box.test.ts',
  'node/lock.test.ts',
  'api/engines.test.ts',
  'api/code-box.test.ts',
  'qcow2/matrix.test.ts',
  'qcow2/check.test.ts',
]

/** Begins with the files that take longest, so that no processor is left with one of them when the others have nothing to do. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}`))
      return place < 0 ? LONGEST.length : place
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}
