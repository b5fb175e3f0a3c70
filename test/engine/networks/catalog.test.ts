import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { isFault, type EngineFault } from '../../../src/engine/errors.js'
import { NetworkCatalog, type NetworkSpec } from '../../../src/engine/networks/catalog.js'

const spec = (name: string, more: Partial<NetworkSpec> = {}): NetworkSpec => ({
  name,
  driver: 'bridge',
  internal: false,
  attachable: false,
  labels: {},
  options: {},
  ...more,
})

describe('the catalog of networks', () => {
  let root: string
  const open = () =>
    NetworkCatalog.open({ name: 'catalog', root, pool: '10.254.0.0/16', prefix: 'ca7a' } as Parameters<
      typeof NetworkCatalog.open
    >[0])
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'berth-catalog-'))))
  afterEach(() => rm(root, { recursive: true }))

  const refuses = async (what: Promise<unknown>, fault: EngineFault, message: string) => {
    const error = await what.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).to.be.an('error').with.property('message').that.includes(message)
    expect(isFault(error, fault), `not ${fault}`).to.equal(true)
  }

  it('always has bridge, host and none, the same ones after a restart', async () => {
    const first = await open()
    expect(first.all().map(({ name, driver }) => `${name} ${driver}`)).to.have.members([
      'bridge bridge',
      'host host',
      'none null',
    ])
    expect(first.get('bridge').subnet).to.equal('10.254.0.0/24')
    expect((await open()).all().map(({ id }) => id)).to.have.members(first.all().map(({ id }) => id))
  })

  it('keeps networks over a restart, and ignores what a kill left of a write', async () => {
    const made = await (await open()).create(spec('app', { labels: { a: 'b' }, internal: true }))
    await writeFile(join(root, 'networks', `${'0'.repeat(64)}.json.77.1.tmp`), '{"id":')
    const found = (await open()).get('app')
    expect(found).to.deep.equal(made)
  })

  it('forgets a removed one', async () => {
    const catalog = await open()
    const { id } = await catalog.create(spec('app'))
    await catalog.remove(id)
    expect(() => catalog.get('app')).to.throw('network app not found')
    expect((await open()).all()).to.have.lengthOf(3)
    expect((await readdir(join(root, 'networks'))).filter((file) => file.includes(id))).to.be.empty
  })

  it('finds by id, name and unique prefix; "default" is bridge', async () => {
    const catalog = await open()
    const made = await catalog.create(spec('app'))
    expect(catalog.get(made.id)).to.equal(made)
    expect(catalog.get('app')).to.equal(made)
    expect(catalog.get(made.id.slice(0, 20))).to.equal(made)
    expect(catalog.get('default').name).to.equal('bridge')
    expect(() => catalog.get('')).to.throw('not found')
    for (let i = 0; i < 17; i++) await catalog.create(spec(`n${i}`))
    const letters = catalog.all().map(({ id }) => id.charAt(0))
    const shared = letters.find((letter, i) => letters.indexOf(letter) !== i) ?? ''
    expect(() => catalog.get(shared)).to.throw('is ambiguous')
  })

  it('cuts a /24 for each from the pool, and uses freed ones again', async () => {
    const catalog = await open()
    const a = await catalog.create(spec('a'))
    const b = await catalog.create(spec('b'))
    expect([a.subnet, a.gateway, b.subnet]).to.deep.equal(['10.254.1.0/24', '10.254.1.1', '10.254.2.0/24'])
    await catalog.remove(a.id)
    expect((await catalog.create(spec('c'))).subnet).to.equal('10.254.1.0/24')
  })

  it('goes round a subnet that somebody asked for', async () => {
    const catalog = await open()
    const asked = await catalog.create(spec('asked', { subnet: '10.254.1.77/25', gateway: '10.254.1.9' }))
    expect([asked.subnet, asked.gateway]).to.deep.equal(['10.254.1.0/25', '10.254.1.9'])
    expect((await catalog.create(spec('next'))).subnet).to.equal('10.254.2.0/24')
  })

  it('refuses in dockerd’s words', async () => {
    const catalog = await open()
    await catalog.create(spec('app'))
    await refuses(catalog.create(spec('app')), 'conflict', 'network with name app already exists')
    await refuses(catalog.create(spec('bridge')), 'denied', 'operation is not permitted on predefined bridge network')
    await refuses(catalog.create(spec('x', { driver: 'host' })), 'denied', 'only one instance of "host"')
    await refuses(catalog.create(spec('x', { driver: 'overlay' })), 'missing', 'plugin "overlay" not found')
    await refuses(catalog.create(spec('x', { subnet: '10.254.0.0/20' })), 'denied', 'Pool overlaps with other one')
    await refuses(catalog.create(spec('x', { subnet: '127.0.0.0' })), 'invalid', 'invalid CIDR')
    await refuses(catalog.create(spec('x', { subnet: '10.9.0.0/31' })), 'invalid', '/30')
    await refuses(catalog.create(spec('x', { subnet: '10.9.0.0/24', gateway: '10.8.0.1' })), 'invalid', 'gateway')
    await refuses(catalog.create(spec('x', { subnet: '10.9.0.0/24', range: '10.8.0.0/25' })), 'invalid', 'range')
    await refuses(
      catalog.create(spec('x', { options: { 'com.docker.network.driver.mtu': '9k' } })),
      'invalid',
      'failed to parse com.docker.network.driver.mtu value: 9k',
    )
    for (const name of ['', ' ', ':builds', 'x'.repeat(256)])
      await refuses(catalog.create(spec(name)), 'invalid', 'invalid network name')
    expect(catalog.all()).to.have.lengthOf(4)
  })

  it('says so when the pool is used up', async () => {
    const catalog = await open()
    await catalog.create(spec('most', { subnet: '10.254.128.0/17' }))
    for (const bits of [1, 2, 4, 8, 16, 32, 64])
      await catalog.create(spec(`n${bits}`, { subnet: `10.254.${bits}.0/${24 - Math.log2(bits)}` }))
    await refuses(catalog.create(spec('x')), 'denied', 'all predefined address pools have been fully subnetted')
  })
})
