import { expect } from 'chai'
import { Resolver } from 'node:dns/promises'
import { refusalIn } from '../../../plugins/dns-rfc2136/message.js'
import { DnsUpdates } from '../../../plugins/dns-rfc2136/updates.js'
import { startDns } from '../../dns.js'
import { describeDns, refusal, type DnsRig } from './describe-dns.js'

const key = {
  algorithm: 'hmac-sha256',
  name: 'berth',
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}
const never = new AbortController().signal

async function rfc2136Rig(): Promise<DnsRig> {
  const dns = await startDns({ 'example.org': ['sub A 127.0.0.1'], 'deep.example.org': [] }, key)
  const plugin = new DnsUpdates({ server: dns.address, key })
  const resolver = new Resolver()
  resolver.setServers([dns.address])
  return {
    plugin,
    stranger: new DnsUpdates({
      server: dns.address,
      key: { ...key, secret: Buffer.from('another').toString('base64') },
    }),
    texts: async (name) => (await resolver.resolveTxt(name).catch(() => [])).map((parts) => parts.join('')).sort(),
    put: (zone, name, text) => plugin.add({ zone, name, text }, never),
    end: async () => await dns[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose](),
  }
}

describeDns('dns-rfc2136', rfc2136Rig)

describe('updates of a name server', () => {
  it('are refused with another key, at another name, or of another zone', async () => {
    await using dns = await startDns({ 'example.org': [] }, key)
    const zone = 'example.org'
    const unknown = new DnsUpdates({ server: dns.address, key: { ...key, name: 'nobody' } })
    const why = async (updates: DnsUpdates, name: string, of = zone): Promise<string> =>
      (await refusal(() => updates.add({ zone: of, name, text: 'x' }, never))).message
    expect(await why(unknown, `_acme-challenge.${zone}`)).to.match(/does not accept the key/)
    const updates = new DnsUpdates({ server: dns.address, key })
    expect(await why(updates, `www.${zone}`)).to.match(/does not accept the key|refuses it/)
    expect(await why(updates, '_acme-challenge.example.net', 'example.net')).to.match(
      /does not accept the key|does not have/,
    )
  })

  it('are made when it says so, and by no other answer', () => {
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
