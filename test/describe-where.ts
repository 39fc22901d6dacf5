import { describe, it } from 'vitest'

/** Tests of something that may not be here: with a reason why it is not, one skipped test that tells it stands for them all. */
export function describeWhere(whyNot: string | null, name: string, tests: () => void): void {
  describe(name, whyNot === null ? tests : () => it('has what it needs', (context) => context.skip(whyNot)))
}
