/** Text that ends within quotes. */
export class OpenQuote extends Error {}

/**
 * The words of a line, as Compose splits a command: quotes and backslashes as a shell has them, and nothing else of it.
 * @throws OpenQuote
 */
export function wordsOf(line: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const next = line[at] ?? ''
    if (quote === "'" ? next !== quote : quote === '"' && next !== '"' && next !== '\\') word = (word ?? '') + next
    else if (quote !== '' && next === quote) quote = ''
    else if (next === '\\') {
      const escaped = line[(at += 1)] ?? ''
      word =
        (word ?? '') +
        (quote === '"' && !'"\\$`\n'.includes(escaped) ? `\\${escaped}` : escaped === '\n' ? '' : escaped)
    } else if (next === "'" || next === '"') {
      quote = next
      word ??= ''
    } else if (/\s/.test(next)) {
      if (word !== null) words.push(word)
      word = null
    } else word = (word ?? '') + next
  }
  if (quote !== '') throw new OpenQuote(`it ends within ${quote}`)
  return word === null ? words : [...words, word]
}
