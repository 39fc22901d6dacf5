/**
 * The transaction, whose requests say why it failed. idb promises its end, too: where nobody waits for that, a failure would be one that
 * nobody handles, and those end a machine.
 */
export function heard<T extends { readonly done: Promise<void> }>(transaction: T): T {
  transaction.done.catch(() => undefined)
  return transaction
}
