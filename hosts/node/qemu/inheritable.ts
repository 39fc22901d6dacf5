// Descriptors that a child of this program would get without being given them: those that are not closed by an exec. Node opens none
// of that kind; whoever started this program may have left some to it, and code that is not JavaScript may have opened others.

import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

/** proc(5), fdinfo: the flags of open(2), octal. */
const CLOSE_ON_EXEC = 0o2000000
const STANDARD = 3

/** Gives `use` the `stdio` of a child beyond `given`, in which each of them is /dev/null. Nothing where the system closes them by itself. */
export function withoutInherited<S, T>(given: readonly S[], use: (stdio: (S | 'ignore' | number)[]) => T): T {
  const inherited = inheritable().filter((descriptor) => descriptor >= given.length)
  if (inherited.length === 0) return use([...given])
  const nothing = openSync('/dev/null', 'r')
  try {
    const rest = Array.from({ length: Math.max(...inherited) + 1 - given.length }, (_, index) =>
      inherited.includes(given.length + index) ? nothing : ('ignore' as const),
    )
    return use([...given, ...rest])
  } finally {
    closeSync(nothing)
  }
}

// At once: nobody opens or closes one meanwhile.
function inheritable(): number[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fdinfo').map(Number).filter((descriptor) => descriptor >= STANDARD && isInheritable(descriptor))
}

function isInheritable(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))
    return flags !== null && (parseInt(flags[1]!, 8) & CLOSE_ON_EXEC) === 0
  } catch {
    // The listing's own, which is closed by now.
    return false
  }
}
