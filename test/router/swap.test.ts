import { Agent, get } from 'node:http'
import { expect } from 'chai'
import { app, router, until, type App } from './parts.js'

describe('swapping a route under load', () => {
  it('loses no request although each old process is stopped as soon as it has drained', async () => {
    await using front = await router()
    const lanes = 16
    const agent = new Agent({ keepAlive: true, maxSockets: lanes })
    const versions: number[] = []
    const failures: string[] = []
    const process = (version: number) =>
      // answers after a moment, so that there is always something in flight
      app((_req, res) => void setTimeout(() => res.end(String(version)), version % 5))
    const one = () =>
      new Promise<void>((resolve) => {
        const fail = (what: string) => {
          failures.push(what)
          resolve()
        }
        get({ port: front.port, agent, headers: { host: 'blog.test' } }, (answer) => {
          if (answer.statusCode !== 200) fail(String(answer.statusCode))
          answer.on('data', (text: Buffer) => versions.push(Number(String(text)))).on('error', (e) => fail(e.message))
          answer.on('end', resolve)
        }).on('error', (e) => fail(e.message))
      })

    let running = true
    let current: App = await process(0)
    front.route('blog', current.target('v0'))
    const load = Array.from({ length: lanes }, async () => {
      while (running) await one()
    })
    await until(() => versions.length > 10)
    for (let version = 1; version <= 20; version++) {
      const next = await process(version)
      front.route('blog', next.target(`v${version}`))
      const old = current
      current = next
      await until(() => front.table.state('id-blog').busy.length === 0)
      await old[Symbol.asyncDispose]()
      // as many answers of the old one may be on their way to the clients still
      const late = versions.length + lanes
      await until(() => versions.length > late)
    }
    running = false
    await Promise.all(load)
    agent.destroy()
    await current[Symbol.asyncDispose]()
    expect(failures).to.deep.equal([])
    expect(new Set(versions).size).to.equal(21)
  })
})
