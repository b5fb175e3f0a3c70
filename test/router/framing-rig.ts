import { expect } from 'chai'
import { talk } from './framing-talk.js'
import { strictApp, type StrictApp } from './framing-wire.js'
import { router, type TestRouter } from './parts.js'

/** A router with an app that reads by the letter behind it, there while a test runs. */
export interface FramingRig {
  readonly app: StrictApp
  /** Where the router listens. */
  readonly to: { readonly port: number; readonly host: string }
  /** Others, over the connections that are at rest by then, get their own answers, and the app has seen nothing it may not. */
  bystanders(): Promise<void>
}

/** Opens one for each test of a suite. */
export function setFraming(): FramingRig {
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
  const rig = {
    get app() {
      return app
    },
    get to() {
      return { port: front.port, host: '127.0.0.1' }
    },
    bystanders: async () => {
      for (const path of ['/one', '/two']) {
        const { answers } = await talk(rig.to, `GET ${path} HTTP/1.1\r\nhost: blog.test\r\n\r\n`, { methods: ['GET'] })
        expect(answers.map(({ body }) => JSON.parse(body) as unknown)).to.deep.equal([
          { method: 'GET', path, body: '' },
        ])
      }
      expect(app.violations).to.deep.equal([])
    },
  }
  return rig
}
