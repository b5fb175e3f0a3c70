import { setTimeout as delay } from 'node:timers/promises'
import type { EngineClient } from './client.js'

/** Resolves when the engine answers, or after half a minute in which it did not. */
export async function engineBack(engine: Pick<EngineClient, 'answers'>, signal?: AbortSignal): Promise<void> {
  for (let left = 150; left > 0; left -= 1) {
    await delay(200, undefined, { signal }) // a socket file offers nothing to wait on
    if (await engine.answers()) return
  }
}
