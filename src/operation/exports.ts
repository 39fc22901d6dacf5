/** What core.wasm exports for operations. Messages (src/operation/wire.ts) travel in the exchange buffer. */
export interface OperationExports {
  /** Starts the operation of a `Kind` whose message is in the exchange; answers a `Step`, with a message there. */
  operationBegin(kind: number, messageBytes: number): number
  /** Goes on after the effect: `status` says how it ended, the message what it answered. Answers a `Step`. */
  operationResume(status: number, messageBytes: number): number
  /** The `RecordVerdict` on the record of a `Place` whose id, and after it whose bytes, are in the exchange. */
  recordVerdict(place: number, lengthBytes: number): number
  /** What the record was refused for: a byte offset, or the version of an unknown format. */
  recordProblem(): number
  /** The `BoxState` that a `BoxAction` leads to, or -1 when the state does not allow it. */
  lifecycleNext(state: number, action: number): number
}
