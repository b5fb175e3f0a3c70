import { Agent, get } from 'node:http'
import { connectOptions } from '../src/api/client/http.js'

/** What a steady stream of requests saw. */
export interface Load {
  readonly sent: number
  /** ms of each that was answered with 200, from when it was due. */
  readonly latencies: readonly number[]
  /** Everything that was not a 200. */
  readonly failures: readonly string[]
  /** Distinct bodies, in the order they first came. */
  readonly bodies: readonly string[]
}

/**
 * Sends `perSecond` requests a second, whether those before were answered or not (open loop: a stall is not hidden by
 * waiting for it), until `during` ends.
 */
export async function underLoad(url: URL, perSecond: number, during: () => Promise<void>): Promise<Load> {
  const agent = new Agent({ keepAlive: true })
  const options = { ...connectOptions(url), path: url.pathname, agent, timeout: 20_000 }
  const latencies: number[] = []
  const failures: string[] = []
  const bodies = new Set<string>()
  const flying = new Set<Promise<void>>()
  const one = (due: number): Promise<void> =>
    new Promise((resolve) => {
      const fail = (what: string) => {
        failures.push(`${new Date().toISOString()} ${what}`)
        resolve()
      }
      const outgoing = get(options, (answer) => {
        let body = ''
        answer.setEncoding('utf8').on('data', (text: string) => (body += text))
        answer.on('error', (error) => fail(`cut off: ${error.message}`))
        answer.on('end', () => {
          if (answer.statusCode !== 200) {
            fail(`${answer.statusCode ?? 0} ${body.slice(0, 200)}`)
            return
          }
          latencies.push(performance.now() - due)
          bodies.add(body)
          resolve()
        })
      })
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 20 s')))
      outgoing.on('error', (error) => fail(error.message))
    })
  const began = performance.now()
  let sent = 0
  const timer = setInterval(() => {
    const now = performance.now()
    while (began + (sent * 1000) / perSecond <= now) {
      const request = one(began + (sent++ * 1000) / perSecond)
      flying.add(request)
      void request.then(() => flying.delete(request))
    }
  }, 1)
  try {
    await during()
  } finally {
    clearInterval(timer)
    await Promise.all(flying)
    agent.destroy()
  }
  return { sent, latencies, failures, bodies: [...bodies] }
}
