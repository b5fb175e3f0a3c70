import { Agent, get } from 'node:http'
import type { Instance } from './instance.js'

/** What a steady stream of requests saw. */
export interface Load {
  readonly sent: number
  /** Everything that was not a 200. */
  readonly failures: readonly string[]
  /** Answers in the order they came, neighbours that are alike once. */
  readonly answers: readonly string[]
}

/** Sends `perSecond` requests a second to an app, whether the ones before were answered or not, until `during` ends. @param headers of each */
export async function underLoad(
  berth: Instance,
  app: string,
  perSecond: number,
  during: () => Promise<unknown>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const failures: string[] = []
  const answers: string[] = []
  const flying = new Set<Promise<void>>()
  let sent = 0
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const fail = (what: string): void => {
        failures.push(`${new Date().toISOString()} ${what}`)
        resolve()
      }
      const options = {
        host: '127.0.0.1',
        port: berth.config.httpPort,
        agent,
        headers: { host: berth.config.appHost(app), ...headers },
      }
      get(options, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (text: string) => (body += text))
        response.on('error', (error) => fail(`cut off: ${error.message}`))
        response.on('end', () => {
          if (response.statusCode !== 200) fail(`${String(response.statusCode)} ${body.slice(0, 200)}`)
          else if (answers.at(-1) !== body) answers.push(body)
          resolve()
        })
      }).on('error', (error) => fail(error.message))
    })
  const timer = setInterval(() => {
    sent++
    const request = one()
    flying.add(request)
    void request.then(() => flying.delete(request))
  }, 1000 / perSecond)
  try {
    await during()
  } finally {
    clearInterval(timer)
    await Promise.all(flying)
    agent.destroy()
  }
  return { sent, failures, answers }
}
