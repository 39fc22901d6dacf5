// How much of a test that could go on for ever is run: `npm test` runs the normal count, `npm run test:long`
// the long one. BOXLITE_TEST_SHORT=1 runs a twentieth, to try something while working on it.

const settings: Readonly<Record<string, string | undefined>> = typeof process === 'undefined' ? {} : process.env

/** The count to run, of those for `npm test` and for `npm run test:long`. */
export function count(normal: number, long: number): number {
  if (settings['BOXLITE_TEST_LONG']) return long
  return settings['BOXLITE_TEST_SHORT'] ? Math.ceil(normal / 20) : normal
}
