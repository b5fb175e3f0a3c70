import { expect } from 'chai'
import { openRig, type Rig } from '../api/rig.js'
import { answerCases } from '../router/framing-answers.js'
import { brokenBodies, requestCases } from '../router/framing-cases.js'
import { canary, check, methodOf, statusOf, talk } from '../router/framing-talk.js'
import { echo, strictApp, type StrictApp } from '../router/framing-wire.js'
import { router, type TestRouter } from '../router/parts.js'

/** Longer heads are all alike at most places. */
const longest = 1200

const splits = (bytes: string): number[] => Array.from({ length: bytes.length - 1 }, (_, i) => i + 1)

/** Runs these a few at once: most of the time goes into waiting. */
async function each<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const left = [...all]
  const one = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) await run(next)
  }
  await Promise.all(Array.from({ length: 8 }, one))
}

describe('framing, split at every byte', function () {
  this.timeout(3_600_000)
  let front: TestRouter
  let app: StrictApp
  let rig: Rig
  before(async () => {
    front = await router()
    app = await strictApp()
    front.route('blog', { id: 'c1', process: 'web.1', host: '127.0.0.1', port: app.port })
    rig = await openRig()
  })
  after(async () => {
    await front[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
  })
  const toRouter = () => ({ port: front.port, host: '127.0.0.1' })
  const toApi = () => ({ port: Number(new URL(rig.url).port), host: '127.0.0.1' })
  const clean = () => {
    expect(app.violations).to.deep.equal([])
    expect(app.seen.filter(({ start }) => start.includes('smuggled'))).to.deep.equal([])
    app.seen.length = 0
  }

  for (const [name, one] of requestCases) {
    if (one.bytes.length > longest) continue
    it(`the router: ${name}`, async () => {
      app.reply = echo
      await each(splits(one.bytes), async (splitAt) => {
        await check(toRouter(), one, { splitAt })
      })
      if (typeof one.want === 'number') expect(app.seen).to.deep.equal([])
      clean()
    })
    it(`the control API: ${name}`, async () => {
      const methods = [methodOf(one.bytes), 'GET']
      await each(splits(one.bytes), async (splitAt) => {
        const { answers, rest } = await talk(toApi(), one.bytes + canary, { methods, pace: { splitAt } })
        expect([answers.length > 0, rest]).to.deep.equal([true, ''])
        if (typeof one.want === 'number' && !/Host|TRACE/.test(name))
          expect(answers.map(statusOf)).to.deep.equal([one.want])
      })
    })
  }

  for (const [name, bytes] of Object.entries(brokenBodies))
    it(`the router: ${name}`, async () => {
      await each(splits(bytes), async (splitAt) => {
        const { answers } = await talk(toRouter(), bytes + canary, { methods: ['POST', 'GET'], pace: { splitAt } })
        expect(answers.map(statusOf)).to.deep.equal([400])
      })
      expect(app.seen).to.deep.equal([])
      clean()
    })

  for (const [name, { method = 'GET', bytes, closes, want }] of answerCases) {
    if (bytes.length > longest) continue
    it(`an answer: ${name}`, async () => {
      app.reply = (asked, socket) => {
        const [, splitAt] = / \/case\/(\d+) /.exec(asked.start) ?? []
        if (splitAt === undefined) {
          echo(asked, socket)
          return
        }
        socket.write(bytes.slice(0, Number(splitAt)), 'latin1')
        setImmediate(() => {
          socket.write(bytes.slice(Number(splitAt)), 'latin1')
          if (closes === true) socket.end()
        })
      }
      await each(splits(bytes), async (splitAt) => {
        const request = `${method} /case/${splitAt} HTTP/1.1\r\nhost: blog.test\r\n\r\n${canary}`
        const { answers, rest } = await talk(toRouter(), request, { methods: [method, 'GET'] })
        if (want === 'cut') {
          expect(answers).to.deep.equal([])
          return
        }
        expect(rest).to.equal('')
        const [status, body] = want === 502 ? [502, undefined] : [want.status ?? 200, want.body]
        expect(answers[0] && statusOf(answers[0])).to.equal(status)
        if (body !== undefined) expect(answers[0]?.body).to.equal(body)
        expect(answers.slice(1).map((other) => JSON.parse(other.body) as unknown)).to.deep.equal([
          { method: 'GET', path: '/canary', body: '' },
        ])
      })
      clean()
    })
  }
})
