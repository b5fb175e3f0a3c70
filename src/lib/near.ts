/** Whether one becomes the other by one letter more, less or changed, or by two that changed places. */
export function isNear(one: string, other: string): boolean {
  if (one === other) return true
  let [from, last] = [0, 0]
  while (from < one.length && one[from] === other[from]) from++
  const room = Math.min(one.length, other.length) - from
  while (last < room && one.at(-1 - last) === other.at(-1 - last)) last++
  const [a, b] = [one.slice(from, one.length - last), other.slice(from, other.length - last)]
  return (
    (a.length <= 1 && b.length <= 1) || (a.length === 2 && a.at(0) === b.at(1) && a.at(1) === b.at(0) && b.length === 2)
  )
}
