/**
 * What all of several promises come to, when each of them is over: nothing of them goes on behind the back of whoever has heard that
 * one has failed.
 * @throws what the first of those that failed was rejected with, in the order in which they are given
 */
export async function allOf<const T extends readonly unknown[]>(
  all: T,
): Promise<{ -readonly [At in keyof T]: Awaited<T[At]> }> {
  await Promise.allSettled(all)
  const ended: unknown[] = []
  for (const one of all) ended.push(await one)
  return ended as { -readonly [At in keyof T]: Awaited<T[At]> }
}
