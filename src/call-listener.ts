/** Tells a listener. What it throws is thrown apart: its own defect must not stop what is told of, nor go unseen. */
export function callListener<T>(listener: (value: T) => void, value: T): void {
  try {
    listener(value)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
