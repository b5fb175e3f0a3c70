import { expect } from 'chai'
import { networkInterfaces } from 'node:os'
import { BerthError } from '../../../src/errors.js'
import { isPrivate } from '../../../src/lib/private-address.js'
import { findHost } from '../../../src/git/remotes/hosts.js'

const fault = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof BerthError ? error.fault : String(error)),
  )

describe('the host of a submodule', () => {
  it('is private where only neighbours reach it, however its address is written', () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address))
    for (const address of [
      ...['127.0.0.1', '127.9.9.9', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1'],
      ...[
        '169.254.169.254',
        '100.64.0.1',
        '224.0.0.1',
        '255.255.255.255',
        '::1',
        '::',
        'fe80::1',
        'fc00::1',
        'fd12::1',
      ],
      ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe', '2002:7f00:1::', 'ff02::1'],
      ...own,
    ])
      expect(isPrivate(address), address).to.equal(true)
    for (const address of [
      '1.1.1.1',
      '172.32.0.1',
      '100.128.0.1',
      '2606:4700::1111',
      '64:ff9b::101:101',
      '140.82.121.4',
    ])
      expect(isPrivate(address), address).to.equal(false)
  })

  it('is looked up once, and refused for one private address among others', async () => {
    let asked = 0
    const lookup = (...addresses: string[]) => {
      asked += 1
      return () => Promise.resolve(addresses)
    }
    const find = (url: string, trusted: readonly string[], ...addresses: string[]) =>
      findHost(new URL(url), 'lib', trusted, lookup(...addresses))
    expect(await find('https://git.example.com/x', [], '1.1.1.1', '2606:4700::1')).to.deep.equal({
      port: 443,
      addresses: ['1.1.1.1', '2606:4700::1'],
      trusted: false,
    })
    expect(await fault(find('https://git.example.com/x', [], '1.1.1.1', '10.0.0.1'))).to.equal('denied')
    expect(await fault(find('https://git.example.com/x', [], '::ffff:7f00:1'))).to.equal('denied')
    expect(await fault(find('https://git.example.com/x', []))).to.equal('unavailable')
    expect(await fault(find('http://[::1]/x', []))).to.equal('denied')
    expect(await fault(find('http://2130706433/x', []))).to.equal('denied')
    for (const trusted of ['git.lan', 'git.lan:80'])
      expect(await find('http://git.lan/x', [trusted], '10.0.0.1')).to.include({ port: 80, trusted: true })
    expect(await fault(find('http://git.lan:81/x', ['git.lan:80'], '10.0.0.1'))).to.equal('denied')
    expect(await find('http://[::1]:3000/x', ['[::1]:3000'])).to.include({ port: 3000, trusted: true })
    expect(asked).to.be.greaterThan(0)
  })
})
