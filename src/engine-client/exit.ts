import { setTimeout as delay } from 'node:timers/promises'
import type { EngineConnection } from './connection.js'

/** The look at a container that tells whether it ended. */
export type EndingLook = (
  id: string,
) => Promise<{ readonly State: { Running: boolean; Status: string; ExitCode: number } } | null>

/**
 * Waits until a container has ended; resolves with its exit code. An engine that is restarted meanwhile is asked
 * again. `container.wait` of dockerode would never settle then: it does not notice an answer that stops half-way.
 * @throws the signal's reason
 */
export async function exitOf(
  connection: EngineConnection,
  inspect: EndingLook,
  id: string,
  signal: AbortSignal,
): Promise<number> {
  for (;;) {
    signal.throwIfAborted()
    const code = await waited(connection, id, signal)
    if (code !== null) return code
    signal.throwIfAborted()
    const info = await inspect(id)
    if (!info) throw new Error('its container was removed')
    if (!info.State.Running && info.State.Status !== 'created') return info.State.ExitCode
    await delay(100, undefined, { signal }).catch(() => undefined)
  }
}

/** The exit code; null when the engine did not come to tell it: a look at the container says why. */
async function waited(connection: EngineConnection, id: string, signal: AbortSignal): Promise<number | null> {
  try {
    const query = { condition: 'not-running' }
    const answer = await connection.stream({ method: 'POST', path: `/containers/${id}/wait`, query, signal })
    const end = () => answer.destroy()
    signal.addEventListener('abort', end, { once: true })
    try {
      let body = ''
      for await (const chunk of answer) body += String(chunk)
      const { StatusCode } = JSON.parse(body) as { StatusCode?: number }
      return StatusCode ?? null
    } finally {
      signal.removeEventListener('abort', end)
    }
  } catch {
    return null
  }
}
