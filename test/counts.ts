// How much of a test that could go on for ever is run: `npm test` runs the normal count, `npm run test:long`
// the long one. BOXLITE_TEST_SHORT=1 runs a twentieth, to try something while working on it.

declare global {
  interface ImportMeta {
    /** Variables of the process; vite gives those of a prefix to pages as well, which have no environment. */
    readonly env: Readonly<Record<string, string | undefined>>
  }
}

const { BOXLITE_TEST_LONG, BOXLITE_TEST_SHORT } = import.meta.env

/** The count to run, of those for `npm test` and for `npm run test:long`. */
export function count(normal: number, long: number): number {
  if (BOXLITE_TEST_LONG) return long
  return BOXLITE_TEST_SHORT ? Math.ceil(normal / 20) : normal
}
