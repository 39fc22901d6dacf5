/** The transactions that `work` begins. */
export async function transactionsOf(work: () => Promise<void>): Promise<IDBTransaction[]> {
  const { transaction } = IDBDatabase.prototype
  const begun: IDBTransaction[] = []
  IDBDatabase.prototype.transaction = function (this: IDBDatabase, ...given: Parameters<typeof transaction>) {
    begun.push(transaction.apply(this, given))
    return begun.at(-1)!
  }
  try {
    await work()
  } finally {
    IDBDatabase.prototype.transaction = transaction
  }
  return begun
}
