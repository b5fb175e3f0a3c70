import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { refusalIn } from '../../../src/certificates/dns/message.js'
import { DnsUpdates } from '../../../src/certificates/dns/updates.js'
import { is, messageOf } from '../../../src/errors.js'
import { Resolver } from 'node:dns/promises'
import { startDns, type DnsServer } from '../../dns.js'

const key = {
  algorithm: 'hmac-sha256',
  name: 'berth',
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}
const name = '_acme-challenge.example.org'

describe('records that Berth makes', function () {
  this.timeout(20_000)
  let dns: DnsServer
  before(async () => {
    dns = await startDns({ 'example.org': ['sub A 127.0.0.1'], 'deep.example.org': [] }, key)
  })
  after(() => dns[Symbol.asyncDispose]())
  const never = new AbortController().signal
  const texts = async (of: string): Promise<string[]> => {
    const resolver = new Resolver()
    resolver.setServers([dns.address])
    return (await resolver.resolveTxt(of).catch(() => [])).map((parts) => parts.join('')).sort()
  }
  const refused = async (task: Promise<void>): Promise<string> =>
    task.then(
      () => 'done',
      (error: unknown) =>
        `${is(error, 'unavailable') ? '' : 'other '}${messageOf(error).replace(/127\.0\.0\.1:\d+/, 'X')}`,
    )

  it('are there when it says so, beside others, and gone after', async () => {
    const updates = new DnsUpdates({ server: dns.address, key })
    await updates.add(name, 'one', never)
    await updates.add(name, 'two', never)
    await updates.add(name, 'two', never)
    expect(await texts(name)).to.deep.equal(['one', 'two'])
    await updates.remove(name, 'one', never)
    expect(await texts(name)).to.deep.equal(['two'])
    await updates.remove(name, 'two', never)
    await updates.remove(name, 'two', never)
    expect(await texts(name)).to.deep.equal([])
    await updates.add('_acme-challenge.deep.example.org', 'x', never)
    expect(await texts('_acme-challenge.deep.example.org'), 'in the zone that is nearest').to.deep.equal(['x'])
  })

  it('are not made with another key, at another name, or of another zone', async () => {
    const updates = new DnsUpdates({ server: dns.address, key })
    const other = { ...key, secret: Buffer.from('another secret').toString('base64') }
    const wrong = new DnsUpdates({ server: dns.address, key: other })
    expect(await refused(wrong.add(name, 'x', never))).to.equal(
      'the name server X does not accept the key, or is not the one that has the zone',
    )
    const unknown = new DnsUpdates({ server: dns.address, key: { ...key, name: 'nobody' } })
    expect(await refused(unknown.add(name, 'x', never))).to.match(/does not accept the key/)
    expect(await refused(updates.add('www.example.org', 'x', never))).to.match(/does not accept the key|refuses it/)
    expect(await refused(updates.add('_acme-challenge.example.net', 'x', never))).to.equal(
      'the name server X has no zone that _acme-challenge.example.net is in',
    )
    expect(await texts(name)).to.deep.equal([])
  })

  it('are not made where nobody listens', async () => {
    const probe = createServer()
    await once(probe.listen(0, '127.0.0.1'), 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    const updates = new DnsUpdates({ server: `127.0.0.1:${String(port)}`, key })
    expect(await refused(updates.add(name, 'x', never))).to.equal('the name server X cannot be asked: ECONNREFUSED')
  })

  it('are made when the server says so, and by no other answer', () => {
    const said = (...bytes: number[]) =>
      refusalIn(Buffer.from([...bytes, ...Array<number>(12 - bytes.length).fill(0)]), 0x0102)
    expect(said(1, 2, 0xa8, 0)).to.equal(null)
    expect(said(1, 2, 0xa8, 5)).to.match(/^refuses it/)
    expect(said(1, 2, 0xa8, 11)).to.equal('answers with code 11')
    expect(said(9, 9, 0xa8, 0), 'to another question').to.equal('answers with what is no answer')
    expect(said(1, 2, 0x28, 0), 'a question').to.equal('answers with what is no answer')
    expect(refusalIn(Buffer.from([1, 2, 0xa8]), 0x0102)).to.equal('answers with what is no answer')
  })
})
