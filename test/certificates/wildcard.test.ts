import { expect } from 'chai'
import { DnsUpdates } from '../../src/certificates/dns/updates.js'
import { certifierRig } from './rig.js'

const key = {
  algorithm: 'hmac-sha256',
  name: 'berth',
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}

describe('a wildcard', function () {
  this.timeout(30_000)

  it('is proven by DNS, and its neighbours by what is answered there', async () => {
    await using rig = await certifierRig({ refuses: 30 }, key)
    const { store, dns, pebble } = rig
    const app = await rig.app('wild', '*.example.org', 'www.example.org')
    await using certifier = await rig.certifier({ dns: new DnsUpdates({ server: dns.address, key }) })
    expect(certifier).to.be.an('object')
    for (const host of ['*.example.org', 'www.example.org']) {
      const job = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
      expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal([host])
    }
    expect(pebble.issued()).to.equal(2)
    expect((await store.certificates.find('any.example.org', app.id))?.names).to.deep.equal(['*.example.org'])
  })
})
