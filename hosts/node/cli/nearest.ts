/** The candidate that `word` was most likely meant to be, or null when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  // A third of the letters may be wrong; a word of two still finds a neighbour.
  let best: { candidate: string; edits: number } | null = null
  const limit = Math.max(1, Math.floor(word.length / 3))
  for (const candidate of candidates) {
    const edits = distance(word, candidate)
    if (edits <= limit && (best === null || edits < best.edits)) best = { candidate, edits }
  }
  return best?.candidate ?? null
}

/** Edits (insert, delete, replace, swap neighbours) from `a` to `b`: optimal string alignment. */
function distance(a: string, b: string): number {
  // Nobody mistypes a command by this much, and the table below is the product of both lengths.
  if (Math.abs(a.length - b.length) > 8) return Infinity
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let edits = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, beforeLast[j - 2]! + 1)
      row.push(edits)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
