import { expect } from 'chai'
import { hashPassword } from '../../../src/lib/password-hash.js'
import { Gate, readBasic } from '../../../src/router/rules/gate.js'
import type { RoutingRules } from '../../../src/routing-rules.js'

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('the gate of an app', () => {
  const gateOf = (rules: RoutingRules): Gate => new Gate(rules, 'blog', () => 0)
  const ask = async (gate: Gate, client = '192.0.2.1', authorization?: string) =>
    (await gate.refuses({ client, authorization }))?.kind ?? 'in'

  it('lets everybody in where nothing is said', async () => {
    expect(await ask(gateOf({}))).to.equal('in')
    expect(gateOf({}).refuses({ client: '192.0.2.1', authorization: undefined })).to.equal(undefined)
  })

  it('lets in some networks, and nobody whose address makes no sense', async () => {
    const gate = gateOf({ allow: ['10.0.0.0/8', '2001:db8::/32'] })
    expect(await ask(gate, '10.1.2.3')).to.equal('in')
    expect(await ask(gate, '2001:db8::1')).to.equal('in')
    for (const client of ['192.0.2.1', '2001:db9::1', '', 'unknown'])
      expect(await ask(gate, client)).to.equal('no-access')
  })

  it('counts the requests of each client, and of all', async () => {
    const each = gateOf({ clientRate: { requests: 2, seconds: 3_600 } })
    const seen = []
    for (const client of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']) seen.push(await ask(each, client))
    expect(seen).to.deep.equal(['in', 'in', 'too-many-requests', 'in'])
    // one client has a /64 to itself
    const six = [await ask(each, '2001:db8::1'), await ask(each, '2001:db8::2'), await ask(each, '2001:db8::3')]
    expect(six).to.deep.equal(['in', 'in', 'too-many-requests'])
    const all = gateOf({ rate: { requests: 1, seconds: 60 } })
    expect([await ask(all, '192.0.2.1'), await ask(all, '192.0.2.2')]).to.deep.equal(['in', 'too-many-requests'])
    expect(await all.refuses({ client: '192.0.2.1', authorization: undefined })).to.deep.include({
      headers: { 'retry-after': '60' },
    })
  })

  it('asks for a password, and checks it once', async () => {
    const gate = gateOf({ users: { me: await hashPassword('a:b') } })
    expect(await gate.refuses({ client: '192.0.2.1', authorization: undefined })).to.deep.equal({
      kind: 'login',
      headers: { 'www-authenticate': 'Basic realm="blog", charset="UTF-8"' },
    })
    const wrong = ['Bearer abc', 'Basic', 'Basic !', basic('me', 'no'), basic('you', 'a:b'), basic('toString', 'a:b')]
    for (const authorization of wrong) expect(await ask(gate, '192.0.2.1', authorization)).to.equal('login')
    expect(gate.refuses({ client: '192.0.2.1', authorization: basic('me', 'a:b') })).to.be.instanceOf(Promise)
    expect(await ask(gate, '192.0.2.1', basic('me', 'a:b'))).to.equal('in')
    expect(gate.refuses({ client: '192.0.2.1', authorization: basic('me', 'a:b') })).to.equal(undefined)
    expect(await ask(gate, '192.0.2.1', basic('me', 'other'))).to.equal('login')
  })

  it('lets nobody guess for long, and keeps those in who are', async () => {
    const gate = gateOf({ users: { me: await hashPassword('right') } })
    await ask(gate, '192.0.2.1', basic('me', 'right'))
    const seen = []
    for (let i = 0; i < 11; i++) seen.push(await ask(gate, '192.0.2.1', basic('me', `guess ${String(i)}`)))
    expect(seen.slice(0, 9).every((one) => one === 'login')).to.equal(true)
    expect(seen.at(-1)).to.equal('too-many-requests')
    expect(await ask(gate, '192.0.2.1', basic('me', 'right'))).to.equal('in')
  })

  it('says that it is in maintenance to those alone who get in', async () => {
    const gate = gateOf({ maintenance: true, allow: ['10.0.0.0/8'], users: { me: await hashPassword('right') } })
    expect(await ask(gate, '192.0.2.1', basic('me', 'right'))).to.equal('no-access')
    expect(await ask(gate, '10.0.0.1')).to.equal('login')
    expect(await ask(gate, '10.0.0.1', basic('me', 'right'))).to.equal('maintenance')
    expect(await ask(gate, '10.0.0.1', basic('me', 'right'))).to.equal('maintenance')
    expect(await ask(gateOf({ maintenance: true }))).to.equal('maintenance')
  })

  it('reads what browsers send', () => {
    expect(readBasic('basic bWU6')).to.deep.equal(['me', ''])
    expect(readBasic(basic('mü', 'a:b'))).to.deep.equal(['mü', 'a:b'])
    for (const text of ['', 'Basic', 'Basic bWU=', 'Bearer bWU6', 'Basic bWU6 x'])
      expect(readBasic(text), text).to.equal(null)
  })
})
