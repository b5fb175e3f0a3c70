import { expect } from 'chai'
import fc from 'fast-check'
import { Addresses } from '../../../src/engine/networks/addresses.js'
import { parseSubnet, type Subnet } from '../../../src/engine/kernel/ip.js'

const subnet = (text: string): Subnet => parseSubnet(text) ?? expect.fail(`${text} is no subnet`)

describe('addresses of a network', () => {
  it('never go to two at once, nor are the gateway, the network or the broadcast address', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 20 })), { maxLength: 60 }), (steps) => {
        const addresses = new Addresses(subnet('10.0.0.0/28'), ['10.0.0.1'])
        const taken: string[] = []
        for (const step of steps) {
          if (step !== null && taken.length > 0) {
            addresses.give(taken.splice(step % taken.length, 1)[0] ?? '')
          } else if (taken.length < 13) {
            const address = addresses.take()
            expect(taken).to.not.include(address)
            expect(['10.0.0.0', '10.0.0.1', '10.0.0.15']).to.not.include(address)
            taken.push(address)
          } else {
            expect(() => addresses.take()).to.throw('no available IPv4 addresses')
          }
        }
      }),
    )
  })

  it('are given again only after all others', () => {
    const addresses = new Addresses(subnet('10.0.0.0/29'), ['10.0.0.1'])
    expect(addresses.take()).to.equal('10.0.0.2')
    addresses.give('10.0.0.2')
    expect(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.2']).to.deep.equal(
      Array.from({ length: 5 }, () => addresses.take()),
    )
  })

  it('may be asked for', () => {
    const addresses = new Addresses(subnet('10.0.0.0/24'), ['10.0.0.1'])
    expect(addresses.take('10.0.0.77')).to.equal('10.0.0.77')
    expect(() => addresses.take('10.0.0.77')).to.throw('Address already in use')
    expect(() => addresses.take('10.0.0.1')).to.throw('Address already in use')
    expect(() => addresses.take('10.0.1.7')).to.throw('no configured subnet contains IP address 10.0.1.7')
    expect(() => addresses.take('10.0.0.x')).to.throw('invalid IPv4 address')
  })

  it('come from the range when there is one, and may be asked for outside it', () => {
    const addresses = new Addresses(subnet('10.0.0.0/24'), ['10.0.0.1'], subnet('10.0.0.128/30'))
    const given = Array.from({ length: 4 }, () => addresses.take())
    expect(given).to.deep.equal(['10.0.0.128', '10.0.0.129', '10.0.0.130', '10.0.0.131'])
    expect(() => addresses.take()).to.throw('no available IPv4 addresses')
    expect(addresses.take('10.0.0.5')).to.equal('10.0.0.5')
  })
})
