/** The candidate that a mistyped word most likely means: at most two edits away, and fewer than its length. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((candidate) => ({ candidate, edits: distance(word.slice(0, 40), candidate) }))
  const best = scored.sort((a, b) => a.edits - b.edits)[0]
  return best && best.edits <= 2 && best.edits < best.candidate.length ? best.candidate : undefined
}

/** Levenshtein distance, two neighbours swapped counting as one edit. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    rows[i] = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + (same ? 0 : 1))
      rows[i]?.push(swapped ? Math.min(best, cell(i - 2, j - 2) + 1) : best)
    }
  }
  return cell(a.length, b.length)
}
