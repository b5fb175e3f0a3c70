import { expect } from 'chai'
import { createLog } from '../../src/log.js'
import { adoptDnsSettings } from '../../src/certificates/dns/adopt.js'
import { DnsProviders } from '../../src/certificates/dns/providers.js'
import { RunningPlugins } from '../../src/plugins/running.js'
import { certifierRig } from './rig.js'

const key = {
  algorithm: 'hmac-sha256',
  name: 'berth',
  secret: Buffer.from('a secret of thirty-two bytes ...').toString('base64'),
}

describe('a wildcard', function () {
  this.timeout(30_000)

  it('is proven by DNS as the settings of before there were plugins say, and its neighbours by what is answered there', async () => {
    await using rig = await certifierRig({ refuses: 30 }, key)
    const { store, dns, pebble } = rig
    const app = await rig.app('wild', '*.example.org', 'www.example.org')
    await adoptDnsSettings(store, { server: dns.address, key })
    await using plugins = new RunningPlugins({ ...rig, log: createLog('test', { level: 'silent' }), kinds: ['dns'] })
    await using certifier = await rig.certifier({ dns: new DnsProviders({ plugins, store, resolvers: [] }) })
    expect(certifier).to.be.an('object')
    for (const host of ['*.example.org', 'www.example.org']) {
      const job = await rig.job(app, host, ({ certificate, order }) => certificate !== null && order === null)
      expect((await store.certificates.get(job.certificate ?? ''))?.names).to.deep.equal([host])
    }
    expect(pebble.issued()).to.equal(2)
    expect((await store.certificates.find('any.example.org', app.id))?.names).to.deep.equal(['*.example.org'])
  })
})
