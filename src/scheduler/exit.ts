import { setTimeout as delay } from 'node:timers/promises'
import type { IncomingMessage } from 'node:http'
import type { Engine } from './engine.js'

/**
 * Waits until a container has ended; resolves with its exit code. An engine that is restarted meanwhile is asked
 * again. `container.wait` of dockerode would never settle then: it does not notice an answer that stops half-way.
 * @throws the signal's reason
 */
export async function exitOf(engine: Engine, id: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted()
    const code = await waited(engine, id, signal).catch(() => null)
    if (code !== null) return code
    signal.throwIfAborted()
    const info = await engine.inspect(id)
    if (!info) throw new Error('its container was removed')
    if (!info.State.Running && info.State.Status !== 'created') return info.State.ExitCode
    await delay(100, undefined, { signal }).catch(() => undefined)
  }
}

async function waited(engine: Engine, id: string, signal: AbortSignal): Promise<number | null> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = {
      // dockerode takes the last character off a path with a query
      path: `/containers/${id}/wait?condition=not-running&`,
      method: 'POST',
      isStream: true,
      abortSignal: signal,
      statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
      options: undefined,
    }
    engine.docker.modem.dial(request, (error: unknown, answer: unknown) => {
      if (error) reject(error instanceof Error ? error : new Error('no answer'))
      else resolve(answer as IncomingMessage)
    })
  })
  const end = () => response.destroy()
  signal.addEventListener('abort', end, { once: true })
  try {
    let body = ''
    for await (const chunk of response) body += String(chunk)
    const { StatusCode } = JSON.parse(body) as { StatusCode?: number }
    return StatusCode ?? null
  } finally {
    signal.removeEventListener('abort', end)
  }
}
