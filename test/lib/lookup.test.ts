import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { canonical, Lookup } from '../../src/lib/lookup.js'
import { startDns, type DnsServer } from '../dns.js'

/** A name server that does what it likes with what it is asked. */
async function liar(answer: (query: Buffer, reply: (message: Buffer) => void) => void): Promise<[Socket, string]> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => answer(query, (message) => socket.send(message, port, address)))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return [socket, `127.0.0.1:${String(socket.address().port)}`]
}

/** The question as an answer: with that code, and these addresses where IPv4 was asked for. */
function answerTo(query: Buffer, code: number, addresses: readonly number[] = []): Buffer {
  let end = 12
  while (query[end] !== 0) end += 1 + (query[end] ?? 0)
  const isA = query.readUInt16BE(end + 1) === 1
  const records = isA
    ? addresses.map((last) => Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last]))
    : []
  const head = Buffer.from([...query.subarray(0, 2), 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0])
  return Buffer.concat([head, query.subarray(12, end + 5), ...records])
}

describe('what DNS says', function () {
  this.timeout(20_000)
  let dns: DnsServer
  before(async () => {
    dns = await startDns({
      'example.org': [
        ...['@ A 192.0.2.1', '@ AAAA 2001:db8::1', 'www CNAME example.org.', 'both A 192.0.2.1', 'both A 192.0.2.2'],
        ...['* A 192.0.2.9', 'mail MX 10 www', 'lost CNAME nowhere.example.org.', 'nowhere TXT x'],
      ],
    })
  })
  after(() => dns[Symbol.asyncDispose]())
  const find = (host: string) => new Lookup([dns.address]).find(host)

  it('is addresses of both kinds, and what a name stands for', async () => {
    expect(await find('example.org')).to.deep.equal({
      ...{ addresses: ['192.0.2.1', '2001:db8::1'], cname: null, differs: false, problem: null },
    })
    expect(await find('www.example.org')).to.include({ cname: 'example.org', problem: null })
    expect((await find('both.example.org')).addresses).to.deep.equal(['192.0.2.1', '192.0.2.2'])
    expect((await find('any.thing.example.org')).addresses).to.deep.equal(['192.0.2.9'])
  })

  it('may be nothing, which is no fault', async () => {
    const none = { addresses: [], differs: false, problem: null }
    expect(await find('mail.example.org')).to.deep.equal({ ...none, cname: null })
    expect(await find('lost.example.org')).to.deep.equal({ ...none, cname: 'nowhere.example.org' })
  })

  it('is not known of a zone that its servers do not have, or that is broken', async () => {
    expect((await find('example.net')).problem).to.equal('the DNS servers refused to answer')
    const [socket, address] = await liar((query, reply) => reply(answerTo(query, 2)))
    expect((await new Lookup([address]).find('example.org')).problem).to.match(/could not find out/)
    socket.close()
  })

  it('is waited for so long and no longer', async () => {
    const [socket, address] = await liar(() => undefined)
    const before = performance.now()
    const { problem } = await new Lookup([address], 300).find('example.org')
    expect(problem).to.equal('the DNS servers did not answer in time')
    expect(performance.now() - before).to.be.lessThan(5_000)
    socket.close()
  })

  it('is seen to be another each time', async () => {
    let turn = 0
    const [socket, address] = await liar((query, reply) => {
      const isA = answerTo(query, 0, [1]).length > query.length
      reply(answerTo(query, 0, isA ? [(turn += 1)] : []))
    })
    expect(await new Lookup([address]).find('example.org')).to.deep.equal({
      ...{ addresses: ['192.0.2.1', '192.0.2.2'], cname: null, differs: true, problem: null },
    })
    socket.close()
  })

  it('is not taken from what is no answer', async () => {
    const [socket, address] = await liar((query, reply) =>
      reply(Buffer.concat([query.subarray(0, 2), Buffer.alloc(30, 0xff)])),
    )
    const found = await new Lookup([address], 300).find('example.org')
    expect(found.addresses).to.deep.equal([])
    expect(found.problem).to.be.a('string')
    socket.close()
  })

  it('writes an address one way', () => {
    expect(canonical('2001:DB8:0:0::0001')).to.equal('2001:db8::1')
    expect(canonical('192.0.2.1')).to.equal('192.0.2.1')
  })
})
