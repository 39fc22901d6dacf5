/** Where the tests' server has the guest (serve-guest.ts). */
export const guestUrl = (fault?: string): URL => new URL(fault === undefined ? '/guest/' : `/guest-${fault}/`, location.href)

/** Why no box can be started here; null: one can. */
export async function whyNoGuest(): Promise<string | null> {
  const { ok, headers } = await fetch(new URL('guest.json', guestUrl()))
  return ok && headers.get('content-type') === 'application/json' ? null : 'no guest is built on this machine'
}
