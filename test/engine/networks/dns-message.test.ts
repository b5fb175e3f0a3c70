import { expect } from 'chai'
import fc from 'fast-check'
import { failure, parseQuery, recordType, reply, responseCode } from '../../../src/engine/networks/dns-message.js'

/** A query as a stub resolver sends it. */
function query(name: string, { type = 1, edns = 0 } = {}): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  const option = Buffer.from([0, 0, 41, edns >> 8, edns & 255, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, edns > 0 ? 1 : 0]),
    ...labels,
    Buffer.from([0, 0, type, 0, 1]),
    ...(edns > 0 ? [option] : []),
  ])
}

const parsed = (message: Buffer) => parseQuery(message) ?? expect.fail('no query')

describe('DNS messages', () => {
  it('are read without regard to case, with what the client takes', () => {
    expect(parsed(query('Web.Town', { type: 28, edns: 1232 }))).to.include({
      name: 'web.town',
      type: recordType.aaaa,
      limit: 1232,
      internet: true,
    })
    expect(parsed(query('web')).limit).to.equal(512)
  })

  it('of any bytes do no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const read = parseQuery(Buffer.from(bytes))
        if (read) expect(reply(read, [], 1).length).to.be.greaterThan(11)
      }),
    )
  })

  it('that are answers, or ask for nothing or for two things, are no queries', () => {
    const asked = query('web')
    const changed = (at: number, byte: number) => Buffer.from(asked.map((old, i) => (i === at ? byte : old)))
    for (const message of [changed(2, 0x81), changed(5, 0), changed(5, 2), changed(12, 0xc0), asked.subarray(0, 14)])
      expect(parseQuery(message)).to.be.undefined
  })

  it('answer the question that was asked', () => {
    const response = reply(parsed(query('web')), [{ type: 1, data: Buffer.from([10, 0, 0, 2]) }], 10)
    expect(response.toString('hex')).to.equal(
      '12348180000100010000000003776562' + '0000010001' + 'c00c000100010000000a0004' + '0a000002',
    )
    expect(responseCode(parsed(query('web')), response)).to.equal(0)
    expect(responseCode(parsed(query('web')), failure(parsed(query('web'))))).to.equal(2)
  })

  it('say so when not all answers fit', () => {
    const answers = Array.from({ length: 100 }, () => ({ type: 1, data: Buffer.from([10, 0, 0, 2]) }))
    const short = reply(parsed(query('web')), answers, 10, 512)
    expect(short.length).to.be.at.most(512)
    expect(short.readUInt8(2) & 2, 'truncated').to.equal(2)
    expect(reply(parsed(query('web')), answers, 10).readUInt16BE(6)).to.equal(100)
  })
})
