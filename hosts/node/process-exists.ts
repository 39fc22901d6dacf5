// Whether any process has a number now.

/** True also for somebody else's process. It says nothing of which process that is: process-identity.ts does. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
