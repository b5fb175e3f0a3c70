/**
 * Whether a version is one that a specifier allows: those of PEP 440 (`>=3.10,<4`), and Poetry's (`^3.11`, `~3.11`, `||`).
 * One that cannot be read allows everything: the installer has the last word.
 */
export function allows(specifier: string, version: string): boolean {
  return specifier
    .slice(0, 500)
    .split('||')
    .some((all) =>
      all
        .trim()
        .split(/\s*,\s*|\s+(?=[<>=!~^])/)
        .every((clause) => holds(clause, version)),
    )
}

function holds(clause: string, version: string): boolean {
  const match = /^(===?|!=|<=|>=|<|>|~=|~|\^)?\s*v?(\d+(?:\.\d+){0,3})(\.\*)?$/.exec(clause.trim())
  if (!match) return true
  const [, operator = '==', text = '', wild] = match
  const wanted = numbers(text)
  const given = numbers(version)
  const order = compare(given, wanted)
  const begins = wanted.every((part, index) => given[index] === part)
  switch (operator) {
    case '>=':
      return order >= 0
    case '>':
      return order > 0 && !begins
    case '<=':
      return order <= 0 || begins
    case '<':
      return order < 0
    case '!=':
      return wild === undefined ? order !== 0 : !begins
    case '^':
      return order >= 0 && given[0] === wanted[0]
    case '~':
      return order >= 0 && wanted.slice(0, 2).every((part, index) => given[index] === part)
    case '~=':
      return order >= 0 && wanted.slice(0, -1).every((part, index) => given[index] === part)
    default:
      return begins // `3.11` without its patch is meant as all of 3.11
  }
}

const numbers = (text: string): number[] => text.split('.').map(Number)

function compare(one: readonly number[], other: readonly number[]): number {
  for (let index = 0; index < Math.max(one.length, other.length); index += 1) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
