import type { Container } from './container.js'

/** What a program does at its start it has done by then: dockerd itself takes longer to answer a start. */
const settledMs = 200

/** Milliseconds for which a program has only begun; 0 for one that does not run. */
export function youth({ begun, record }: Container): number {
  return record.state.status === 'running' ? Math.max(0, begun + settledMs - performance.now()) : 0
}

/** Waits while a program has only begun, or until it has ended: a short one has then done all that it does. */
export async function settled(container: Container, signal?: AbortSignal): Promise<void> {
  const left = youth(container)
  if (left === 0 || signal?.aborted === true) return
  const over = AbortSignal.any([AbortSignal.timeout(Math.ceil(left)), ...(signal === undefined ? [] : [signal])])
  await container.nextExit(over).catch((error: unknown) => {
    if (!over.aborted) throw error
  })
}
