import { expect } from 'chai'
import { brokenBodies, requestCases, type RequestCase } from '../router/framing-cases.js'
import { canary, methodOf, statusOf, talk, type Pace } from '../router/framing-talk.js'
import { openRig, type Rig } from './rig.js'

/** Those that the router refuses for where they want to go: the control API answers at any name. */
const ofTheRouter = /Host|TRACE/

describe("the control API's own server", function () {
  this.timeout(10_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  const to = () => ({ port: Number(new URL(rig.url).port), host: '127.0.0.1' })

  const check = async ({ bytes, want }: RequestCase, pace: Pace) => {
    const { answers, rest, closed } = await talk(to(), bytes + canary, { methods: [methodOf(bytes), 'GET'], pace })
    expect(rest).to.equal('')
    // nobody reads the body of what is not there: its connection is closed after the answer
    const waits = /\r\n(?:expect|transfer-encoding):/i.test(bytes)
    const last = typeof want === 'number' || want.last === true || want.body !== '' || waits
    const first = typeof want === 'number' ? want : 404
    expect(answers.map(statusOf)).to.deep.equal(last ? [first] : [404, 404])
    if (last) expect(closed).to.equal(true)
  }

  for (const [name, one] of requestCases)
    if (!ofTheRouter.test(name))
      it(`${name}: ${typeof one.want === 'number' ? one.want : 'one request'}`, async () => {
        await check(one, 'whole')
        if (one.bytes.length < 400) await check(one, 'byte by byte')
      })

  for (const [name, bytes] of Object.entries(brokenBodies))
    it(`${name}: never a second request`, async () => {
      const { answers } = await talk(to(), bytes + canary, { methods: ['POST', 'GET'] })
      expect(answers.map(statusOf)).to.satisfy((seen: number[]) => ['400', '404'].includes(seen.join()))
    })

  it('reads the body of an operation, and the request behind it, and nothing out of the body', async () => {
    const inner = `POST /api/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${rig.token}\r\ncontent-length: 19\r\n\r\n{"name":"smuggled"}`
    const body = JSON.stringify({ name: 'outer', padding: inner })
    const head = (length: number) =>
      `POST /api/apps HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${rig.token}\r\ncontent-length: ${length}\r\n`
    const pace = 'byte by byte'
    const refused = await talk(to(), `${head(body.length)}\r\n${body}${canary}`, { methods: ['POST', 'GET'], pace })
    expect(refused.answers.map(statusOf), 'a field nobody knows').to.deep.equal([400, 404])
    const plain = JSON.stringify({ name: 'outer' })
    const made = await talk(to(), `${head(plain.length)}\r\n${plain}${canary}`, { methods: ['POST', 'GET'], pace })
    expect(made.answers.map(statusOf)).to.deep.equal([201, 404])
    const many = Array.from({ length: 1000 }, (_, i) => `h${i}:\r\n`).join('')
    const hidden = `GET /api/apps HTTP/1.1\r\nhost: x\r\n${many}content-length: ${inner.length}\r\n\r\n${inner}`
    expect((await talk(to(), hidden, { methods: ['GET', 'POST'] })).answers.map(statusOf)).to.deep.equal([431])
    expect((await rig.store.apps.list()).map(({ name }) => name)).to.deep.equal(['outer'])
  })

  it('asks for a body that waits, and closes where it did not', async () => {
    const put = `POST /nowhere HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n`
    const { answers, interim, closed } = await talk(to(), put, { methods: ['POST', 'GET'] })
    expect([interim.map(statusOf), answers.map(statusOf), closed]).to.deep.equal([[100], [404], true])
  })
})
