import { request } from 'node:http'
import { expect } from 'chai'
import { app, router, until } from './parts.js'

const oneWayIn = { method: 'POST', body: 'sent while nobody was there' }

describe('a request that is held', () => {
  it('goes to the processes that come meanwhile, with its body', async () => {
    const ready = Promise.withResolvers<undefined>()
    let asked = 0
    await using front = await router({ hold: () => (asked++, { limit: 10_000, until: ready.promise }) })
    await using echo = await app((incoming, response) => incoming.pipe(response))
    front.route('blog')
    const answer = front.send('blog.test', oneWayIn)
    await until(() => asked === 1)
    front.route('blog', echo.target())
    ready.resolve(undefined)
    expect(await answer).to.include({ status: 200, body: 'sent while nobody was there' })
  })

  it('is held so long and no longer, and once', async () => {
    let asked = 0
    await using front = await router({
      hold: () => {
        asked++
        return { limit: 20, until: asked === 1 ? new Promise(() => undefined) : Promise.resolve() }
      },
    })
    front.route('blog')
    expect((await front.send('blog.test')).status).to.equal(503)
    expect((await front.send('blog.test')).status).to.equal(503)
    expect(asked).to.equal(2)
  })

  it('is let go when its client leaves', async () => {
    const ready = Promise.withResolvers<undefined>()
    let asked = 0
    let served = 0
    await using front = await router({ hold: () => (asked++, { limit: 10_000, until: ready.promise }) })
    await using late = await app((_, response) => {
      served++
      response.end()
    })
    front.route('blog')
    const leaving = request({ port: front.port, agent: false, headers: { host: 'blog.test' } })
    leaving.on('error', () => undefined).end()
    await until(() => asked === 1)
    const gone = new Promise((resolve) => leaving.once('close', resolve))
    leaving.destroy()
    await gone
    front.route('blog', late.target())
    ready.resolve(undefined)
    expect((await front.send('blog.test')).status).to.equal(200)
    expect(served).to.equal(1)
  })

  it('is none unless somebody says so', async () => {
    await using front = await router()
    front.route('blog')
    expect((await front.send('blog.test')).status).to.equal(503)
  })
})
