import { expect } from 'chai'
import { proxyHead } from '../../../src/router/ports/proxy-head.js'
import { readIntroduction } from '../../../src/router/proxy-protocol.js'

describe('a PROXY head that is sent', () => {
  for (const [remoteAddress, localAddress, address] of [
    ['192.0.2.7', '198.51.100.1', '192.0.2.7'],
    ['::ffff:192.0.2.7', '::ffff:198.51.100.1', '192.0.2.7'],
    ['2001:db8::7', '2001:db8::1', '2001:db8::7'],
    ['fe80::1%eth0', '::1', 'fe80::1'],
    ['::ffff:192.0.2.7', '2001:db8::1', '192.0.2.7'],
    ['::', '::', '::'],
  ] as const)
    it(`says that ${remoteAddress} came to ${localAddress}`, () => {
      const head = proxyHead({ remoteAddress, remotePort: 4711, localAddress, localPort: 5432 })
      expect(readIntroduction(head)).to.deep.equal({ length: head.length, address, port: 5432, secure: false })
      const ports = head.subarray(-4)
      expect([ports.readUInt16BE(0), ports.readUInt16BE(2)]).to.deep.equal([4711, 5432])
    })
})
