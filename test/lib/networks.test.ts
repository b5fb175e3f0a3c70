import { expect } from 'chai'
import { isNetwork, Networks } from '../../src/lib/networks.js'

describe('networks', () => {
  for (const text of ['10.0.0.1', '10.0.0.0/8', '0.0.0.0/0', '::1', '2001:db8::/32', '::/0', '::ffff:10.0.0.1'])
    it(`${text} is one`, () => {
      expect(isNetwork(text)).to.equal(true)
    })

  for (const text of [
    '',
    '10.0.0',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    'a.example',
    'fe80::1%eth0',
    ' 10.0.0.1',
  ])
    it(`"${text}" is none`, () => {
      expect(isNetwork(text)).to.equal(false)
    })

  it('know what is among them', () => {
    const networks = new Networks(['192.0.2.7', '10.0.0.0/8', '2001:db8::/32'])
    const all = ['192.0.2.7', '192.0.2.8', '10.255.0.1', '11.0.0.1', '2001:db8:1::1', '2001:db9::1', 'nonsense', '']
    expect(all.filter((one) => networks.has(one))).to.deep.equal(['192.0.2.7', '10.255.0.1', '2001:db8:1::1'])
    expect(new Networks([]).has('10.0.0.1')).to.equal(false)
  })
})
