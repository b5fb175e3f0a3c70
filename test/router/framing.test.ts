import { expect } from 'chai'
import { brokenBodies, requestCases } from './framing-cases.js'
import { canary, check, methodOf, statusOf, talk, type Pace } from './framing-talk.js'
import { strictApp, type StrictApp } from './framing-wire.js'
import { router, type TestRouter } from './parts.js'

/** One byte a packet takes its time: of the longest heads once whole is enough. */
const pacesOf = (bytes: string): Pace[] => (bytes.length > 1500 ? ['whole'] : ['whole', 'byte by byte'])

describe('where a request ends', () => {
  let front: TestRouter
  let app: StrictApp
  beforeEach(async () => {
    front = await router()
    app = await strictApp()
    front.route('blog', { id: 'c1', process: 'web.1', host: '127.0.0.1', port: app.port })
  })
  afterEach(async () => {
    await front[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
  })
  const to = () => ({ port: front.port, host: '127.0.0.1' })

  /** Others, over the connections that are at rest by then, get their own answers. */
  const bystanders = async () => {
    for (const path of ['/one', '/two']) {
      const { answers } = await talk(to(), `GET ${path} HTTP/1.1\r\nhost: blog.test\r\n\r\n`, { methods: ['GET'] })
      expect(answers.map(({ body }) => JSON.parse(body) as unknown)).to.deep.equal([{ method: 'GET', path, body: '' }])
    }
  }

  for (const [name, one] of requestCases)
    it(`${name}: ${typeof one.want === 'number' ? one.want : 'carried'}`, async () => {
      for (const pace of pacesOf(one.bytes)) {
        app.seen.length = 0
        const answers = await check(to(), one, pace)
        const seen = app.seen.map(({ start, body }) => [start.split(' ')[1], body])
        if (typeof one.want === 'number') expect(seen).to.deep.equal([])
        else {
          const { body, last } = one.want
          expect(seen).to.deep.equal([['/case', body], ...(last === true ? [] : [['/canary', '']])])
          const method = methodOf(one.bytes)
          expect(answers[0]?.body).to.equal(
            method === 'HEAD' ? '' : JSON.stringify({ method, path: '/case', body: one.want.body }),
          )
        }
        await bystanders()
        expect(app.violations).to.deep.equal([])
      }
    })

  for (const [name, bytes] of Object.entries(brokenBodies))
    it(`${name}: never a second request`, async () => {
      for (const pace of pacesOf(bytes)) {
        const { answers } = await talk(to(), bytes + canary, { methods: ['POST', 'GET'], pace })
        expect(answers.map(statusOf)).to.deep.equal([400])
        expect(app.seen.map(({ start }) => start)).to.deep.equal([])
        await bystanders()
        expect(app.violations).to.deep.equal([])
        app.seen.length = 0
      }
    })
})
