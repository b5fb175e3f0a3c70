import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { UnknownHosts } from '../../src/router/unknown-hosts.js'
import { OnDemandRecord } from '../../src/store/on-demand.js'
import { storeRig } from '../store/rig.js'
import { router, saying } from './parts.js'
import { ask, certificate, secure, shown } from './secure-rig.js'

describe('hostnames that no app has', () => {
  it('are noted once, by name (SNI) and by request, and their client is shown the default certificate', async () => {
    const noted: string[] = []
    await using rig = await secure({ unknown: (host) => noted.push(host) })
    rig.certificates.put(certificate('c', ['blog.test']))
    expect(await shown(rig.front, 'new.example.org')).to.equal('berth.test')
    expect(noted).to.deep.equal(['new.example.org'])
    await shown(rig.front)
    expect(noted, 'a client without a name').to.have.length(1)
    expect((await ask(rig.front, 'other.example.org')).status).to.equal(404)
    expect(noted.at(-1)).to.equal('other.example.org')
  })

  it('are told from those that an app has, by itself or by a wildcard, and from Berth’s own', async () => {
    const noted: string[] = []
    await using process = await saying('here')
    await using front = await router({ unknown: (host) => noted.push(host) })
    front.table.apply({
      ...{ app: 'a', name: 'a', hosts: ['a.example.org', '*.b.example.org'], version: 1 },
      targets: [process.target()],
    })
    for (const host of ['a.example.org', 'x.b.example.org', 'A.Example.org.:80'])
      expect((await front.send(host)).body).to.equal('here')
    await front.send('berth.test')
    expect(noted).to.deep.equal([])
    await front.send('NEW.example.org.:8080')
    expect(noted).to.deep.equal(['new.example.org'])
  })

  it('are passed on within bounds, whoever makes up a hundred thousand of them', async function () {
    this.timeout(30_000)
    await using rig = await storeRig()
    const { id } = await rig.store.apps.create('shop')
    const record = new OnDemandRecord(rig.store.redis)
    await record.put({ app: id, allow: [], ask: '/allowed', asksPerMinute: 1, namesPerDay: 1, most: 1 })
    let told = 0
    const hosts = new UnknownHosts(async (all) => {
      told += all.length
      return record.note(all)
    })
    const before = process.memoryUsage().heapUsed
    const began = performance.now()
    for (let at = 0; at < 100_000; at += 1) hosts.note(`n${at}.example.org`)
    const took = performance.now() - began
    while (told === 0) await sleep(20)
    expect([told, await rig.store.redis.scard('on-demand:noted')]).to.deep.equal([500, 500])
    for (let turn = 0; turn < 3; turn += 1) {
      for (let at = 0; at < 1_000; at += 1) hosts.note(`m${turn}-${at}.example.org`)
      const so = told
      while (told === so) await sleep(20)
    }
    expect([told, await rig.store.redis.scard('on-demand:noted')]).to.deep.equal([2_000, 1_000])
    expect(await rig.store.acme.jobs(), 'and no order').to.deep.equal([])
    expect(process.memoryUsage().heapUsed - before).to.be.below(20_000_000)
    expect(took, 'ms for 100,000').to.be.below(2_000)
  })

  it('are passed on once in a while each, and not at all for a while where nobody wants to know', async () => {
    let [now, wanted] = [0, true]
    const told: string[][] = []
    const hosts = new UnknownHosts(
      (all) => {
        told.push([...all])
        return Promise.resolve(wanted)
      },
      () => now,
    )
    const passed = async (...all: string[]): Promise<number> => {
      const before = told.length
      for (const host of all) hosts.note(host)
      await sleep(600)
      return told.length - before
    }
    expect(await passed('a.example.org', 'a.example.org', 'no_name.example', '127.0.0.1', 'com')).to.equal(1)
    expect(told).to.deep.equal([['a.example.org']])
    expect(await passed('a.example.org')).to.equal(0)
    now += 31_000
    wanted = false
    expect(await passed('a.example.org')).to.equal(1)
    expect(await passed('b.example.org'), 'nobody wants to know').to.equal(0)
    now += 6_000
    expect(await passed('a.example.org')).to.equal(1)
  })
})
