import { setTimeout as sleep } from 'node:timers/promises'
import type { OperationView } from '../api/contract.js'
import { BerthError, is } from '../errors.js'
import { harmless } from '../lib/terminal.js'
import { say } from './output.js'
import type { Session } from './session.js'

/** A change that takes longer than this shows what it does. */
const patienceMs = 3_000
/** How long to look for a server that went away; it is restarted, and the change goes on without it. */
const searchMs = 30_000
const searchEveryMs = 250

/**
 * Follows a change to its end through restarts of the server, passing on its log from the beginning, each piece once.
 * @throws BerthError `unavailable` when the server does not come back
 */
export async function streamOperation(
  { client }: Session,
  operation: OperationView,
  onText: (text: string) => void,
): Promise<OperationView> {
  let from = 0
  let lastSeen = Date.now()
  for (;;) {
    try {
      const lines = await client.operations.log({ operation: operation.id, follow: 'true', from })
      for (let next = await lines.next(); ; next = await lines.next()) {
        lastSeen = Date.now()
        if (next.done === true) return next.value
        onText(next.value.text)
        from = next.value.offset
      }
    } catch (error) {
      // the app took the record of its destruction along
      if (is(error, 'missing') && operation.kind === 'destroy') return { ...operation, status: 'succeeded' }
      if (!is(error, 'unavailable') || Date.now() - lastSeen > searchMs) throw error
      await sleep(searchEveryMs) // nothing tells when a server is back but asking
    }
  }
}

/** `Setting GREETING and restarting blog...`, the log of it once it takes long, and how it ended. */
class ProgressLine implements Disposable {
  #held = ''
  #live = false
  readonly #timer: NodeJS.Timeout
  constructor(text: string) {
    process.stderr.write(`${text}... `)
    this.#timer = setTimeout(() => this.show(), patienceMs)
  }
  add(text: string): void {
    this.#held += text
    if (this.#live) this.show()
  }
  show(): void {
    if (!this.#live && this.#held === '') return
    process.stderr.write(harmless(`${this.#live ? '' : '\n'}${this.#held}`))
    this.#live = true
    this.#held = ''
  }
  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}

/**
 * Says what is being done and how it ended: `Setting GREETING and restarting blog... done, v4`. The log is shown when the
 * change takes long or fails, and always with `shown`.
 * @throws BerthError why it failed
 */
export async function followOperation(
  session: Session,
  text: string,
  request: Promise<OperationView>,
  { shown = false } = {},
): Promise<OperationView> {
  using line = new ProgressLine(text)
  let ended
  try {
    ended = await streamOperation(session, await request, (text) => line.add(text))
  } catch (error) {
    say('!')
    throw error
  }
  if (ended.status === 'succeeded') {
    if (shown) line.show()
    const same = ended.release === null && ['config', 'scale', 'mount'].includes(ended.kind)
    say(same ? 'nothing changed: no release, no restart' : `done${ended.release === null ? '' : `, v${ended.release}`}`)
    return ended
  }
  line.show()
  say('!')
  if (ended.status === 'cancelled') throw new BerthError('conflict', ended.failure ?? 'cancelled', 'see `berth builds`')
  throw ended.status === 'superseded'
    ? new BerthError('conflict', 'a newer change took its place', 'see `berth releases`')
    : new BerthError(
        'broken',
        ended.failure ?? 'the change failed',
        'what ran before goes on; `berth releases` lists what failed',
      )
}
