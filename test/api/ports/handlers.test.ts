import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { freePort } from '../../free.js'
import { expectFault as expectWords } from '../asked.js'
import type { Fault } from '../../../src/errors.js'
import { openRig, type Rig } from '../rig.js'

const expectFault = (promise: Promise<unknown>, fault: Fault, words: string): Promise<void> =>
  expectWords(promise, fault, new RegExp(RegExp.escape(words)))

describe('ports through the API', function () {
  this.timeout(20_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
    await rig.pushed('db')
    await rig.pushed('other')
  })
  after(() => rig[Symbol.asyncDispose]())
  const ports = async (app: string) => contract.ports.list.reply.parse(await rig.client.ports.list({ app }))

  it('are in the route at once, without a release, lead elsewhere when they are added again, and are taken back', async () => {
    const { client, store } = rig
    const app = await store.apps.get('db')
    const port = await freePort()
    const added = await client.ports.add({ app: 'db', port })
    expect(added).to.include({ port, protocol: 'tcp', to: port, type: 'web', proxyProtocol: false, problem: null })
    await client.ports.add({ app: 'db', port, protocol: 'udp', to: 53, type: 'worker' })
    await client.ports.add({ app: 'db', port, to: 5_000, proxyProtocol: true })
    expect(await ports('db')).to.have.lengthOf(2)
    expect((await store.routes.get(app.id))?.ports).to.have.deep.members([
      { port, protocol: 'udp', to: 53, type: 'worker' },
      { port, protocol: 'tcp', to: 5_000, type: 'web', introduced: true },
    ])
    expect((await store.apps.get('db')).current).to.equal(app.current)
    await client.ports.remove({ app: 'db', port: `${port}:tcp` })
    await client.ports.remove({ app: 'db', port: `${port}:udp` })
    expect((await store.routes.get(app.id))?.ports).to.equal(undefined)
    await expectFault(client.ports.remove({ app: 'db', port: `${port}:tcp` }), 'missing', `db has no port ${port}/tcp`)
    await expectFault(client.ports.remove({ app: 'db', port: 'x' }), 'invalid', '"x" is no port')
  })

  it('are one app’s: of many that ask at once one has it, and the others are told whose it is', async () => {
    const { client } = rig
    const port = await freePort()
    const asked = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => client.ports.add({ app: i % 2 ? 'db' : 'other', port })),
    )
    const [owners, losers] = [await ports('db'), await ports('other')]
    expect(owners.length + losers.length).to.equal(1)
    const owner = owners.length === 1 ? 'db' : 'other'
    expect(asked.filter(({ status }) => status === 'fulfilled')).to.have.lengthOf(5)
    const other = owner === 'db' ? 'other' : 'db'
    await expectFault(
      client.ports.add({ app: other, port }),
      'conflict',
      `port ${port}/tcp leads to ${owner}; nothing was added`,
    )
    // the same number by the other protocol is another port
    await client.ports.add({ app: other, port, protocol: 'udp' })
    await rig.store.apps.rename((await rig.store.apps.get(owner)).id, `${owner}s`)
    await expectFault(client.ports.add({ app: other, port }), 'conflict', `leads to ${owner}s`)
    await rig.store.apps.rename((await rig.store.apps.get(`${owner}s`)).id, owner)
    await client.ports.remove({ app: owner, port: String(port) })
    await client.ports.add({ app: other, port })
    await client.ports.remove({ app: other, port: String(port) })
    await client.ports.remove({ app: other, port: `${port}:udp` })
  })

  it('are refused where they are Berth’s, root’s, not allowed, or another program’s, and nothing changes', async () => {
    const { client, config } = rig
    const add = (port: number, more = {}) => client.ports.add({ app: 'db', port, ...more })
    await expectFault(add(config.httpPort), 'invalid', "is Berth's own: it listens there for HTTP")
    await expectFault(add(443), 'invalid', 'only root may listen')
    await expectFault(add(40_000), 'denied', 'apps may not have port 40000 of this machine')
    await expectFault(add(await freePort(), { type: 'none' }), 'missing', 'db has no process type "none"')
    await expectFault(
      add(await freePort(), { protocol: 'udp', proxyProtocol: true }),
      'invalid',
      'PROXY protocol is for tcp',
    )
    for (const port of [0, -1, 65_536, 1.5]) await expectFault(add(port), 'invalid', '')
    const stranger = createServer().listen(await freePort(), '127.0.0.1')
    await once(stranger, 'listening')
    const { port } = stranger.address() as { port: number }
    await expectFault(
      add(port),
      'conflict',
      `port ${port}/tcp is taken by another program of this machine; nothing was added`,
    )
    stranger.close()
    const datagrams = createSocket('udp4').bind(await freePort())
    await once(datagrams, 'listening')
    const taken = datagrams.address().port
    await expectFault(add(taken, { protocol: 'udp' }), 'conflict', `port ${taken}/udp is taken by another program`)
    datagrams.close()
    expect(await ports('db')).to.deep.equal([])
  })

  it('that the router cannot open are not added, and said to be closed where they are another’s later', async () => {
    const { client, store } = rig
    const { id } = await store.apps.get('db')
    const [known, port] = [await freePort(), await freePort()]
    await client.ports.add({ app: 'db', port: known })
    const router = await store.subscriber()
    const unopened = { [`${known}/tcp`]: 'another program has it', [`${port}/tcp`]: 'another program has it' }
    const apply = async (): Promise<void> => {
      const route = await store.routes.get(id)
      if (route) await store.routes.applied({ app: id, version: route.version, busy: [], unopened })
    }
    router.on('message', () => void apply())
    await router.subscribe('routes')
    await expectFault(client.ports.add({ app: 'db', port }), 'conflict', `port ${port}/tcp is taken by another program`)
    expect(await ports('db')).to.have.lengthOf(1)
    expect((await ports('db'))[0]).to.include({ port: known, problem: 'another program has it' })
    // what it had stays its own
    await client.ports.add({ app: 'db', port: known, to: 1_234 })
    await client.ports.remove({ app: 'db', port: String(known) })
    await router.quit()
  })

  it('are so many of an app, and go with it', async () => {
    const { client, store } = rig
    const app = await store.apps.create('many')
    const all: number[] = []
    while (all.length < 21) all.push(await freePort())
    for (const port of all.slice(0, 20)) await client.ports.add({ app: 'many', port })
    await expectFault(client.ports.add({ app: 'many', port: all[20] ?? 0 }), 'conflict', 'an app has 20 ports at most')
    await store.apps.remove(app.id)
    await client.ports.add({ app: 'db', port: all[0] ?? 0 })
    await client.ports.remove({ app: 'db', port: String(all[0]) })
  })
})

describe('ports where the administrator allows none', () => {
  it('are refused, by name of the setting', async () => {
    await using rig = await openRig(undefined, { BERTH_PORTS: 'none' })
    await rig.pushed('db')
    await expectFault(rig.client.ports.add({ app: 'db', port: 5_432 }), 'denied', 'apps may not have port 5432')
  })
})
