import { expect } from 'chai'
import { contract } from '../../src/api/contract.js'
import type { ApiEndpoint } from '../../src/api/endpoint.js'
import { routes, splitRoute } from '../../src/api/routes.js'
import { openRig, type Rig } from './rig.js'

interface Fault {
  fault: string
  message: string
  hint: string
}

describe('the control API', function () {
  this.timeout(10_000)
  let rig: Rig
  let revoked: string
  let expired: string
  before(async () => {
    rig = await openRig()
    const { tokens } = rig.store
    revoked = (await tokens.create('revoked')).reveal()
    await tokens.revoke('revoked')
    expired = (await tokens.create('expired', new Date(Date.now() - 1000).toISOString())).reveal()
  })
  after(() => rig[Symbol.asyncDispose]())

  const fault = async (path: string, init?: Parameters<Rig['fetch']>[1]): Promise<Fault & { status: number }> => {
    const response = await rig.fetch(path, init)
    return { status: response.status, ...((await response.json()) as Fault) }
  }
  const send = (method: string, body: unknown): RequestInit => ({ method, body: JSON.stringify(body) })

  describe('a token', () => {
    for (const [resource, all] of Object.entries(routes))
      for (const [name, route] of Object.entries(all) as [string, string][]) {
        const { method, path } = splitRoute(route)
        const operation = (contract as unknown as Record<string, Record<string, ApiEndpoint>>)[resource]?.[name]
        if (operation?.needs === 'nothing') continue
        it(`is wanted by ${route}`, async () => {
          for (const token of [null, 'wrong', `${rig.token}x`, revoked, expired]) {
            const said = await fault(`/api${path.replace(/:\w+/g, 'x')}`, {
              token,
              method: method === 'WS' ? 'GET' : method,
            })
            expect(said.status).to.equal(401)
            expect(said.fault).to.equal('unauthenticated')
            expect(said.hint).to.include('bin/up')
          }
        })
      }

    it('is wanted where nothing is, so that nobody learns what there is', async () => {
      expect((await rig.fetch('/api/nothing', { token: null })).status).to.equal(401)
      expect((await rig.fetch('/api/openapi.json', { token: null })).status).to.equal(401)
    })

    it('is not needed to ask whether Berth is well', async () => {
      const response = await rig.fetch('/api/health', { token: null })
      expect(response.status).to.equal(200)
      expect(await response.json()).to.have.property('status', 'ok')
    })

    it('is kept as a hash and nothing else', async () => {
      const stored = await rig.store.redis.hgetall('tokens')
      expect(JSON.stringify(stored)).to.not.include(rig.token)
      expect(Object.keys(stored)[0]).to.match(/^[0-9a-f]{64}$/)
    })
  })

  describe('a request', () => {
    it('to a route that is none is 404, in words', async () => {
      expect(await fault('/api/nothing')).to.include({ status: 404, fault: 'missing' })
      expect((await fault('/nothing')).status).to.equal(404)
    })

    it('with an unknown key is refused with the path of it', async () => {
      const said = await fault('/api/apps', send('POST', { nmae: 'blog' }))
      expect(said.status).to.equal(400)
      expect(said.message).to.match(/^there is no "nmae" here$/)
      expect((await fault('/api/apps?limit=3')).message).to.include('query')
    })

    it('with a key of the wrong type is refused with the path of it, and without its value', async () => {
      const said = await fault('/api/apps/x/config', send('PATCH', { set: { SECRET: ['hunter2'] } }))
      expect(said.status).to.equal(400)
      expect(said.message)
        .to.match(/^SECRET: must be text/)
        .and.to.not.include('hunter2')
    })

    it('that is not JSON is refused', async () => {
      for (const body of ['{', 'name=blog', '"blog"', '[]', '\u0000'])
        expect((await fault('/api/apps', { method: 'POST', body })).status, body).to.equal(400)
    })

    it('of more than 1 MB is refused with 413, and the connection is of use no more', async () => {
      const said = await fault('/api/apps', send('POST', { name: 'x'.repeat(1_100_000) }))
      expect(said).to.include({ status: 413, fault: 'large' })
    })

    it('with a URL of 10,000 bytes is answered in words', async () => {
      const said = await fault(`/api/apps/${'x'.repeat(10_000)}`)
      expect(said.status).to.equal(404)
      expect(said.message.length).to.be.below(200)
    })

    it('with a malformed escape is refused', async () => {
      expect((await fault('/api/apps/%ff')).status).to.equal(400)
    })

    it('that names a method the route has not is 404', async () => {
      expect((await fault('/api/apps', { method: 'PUT' })).status).to.equal(404)
    })
  })

  it('says at / what it is', async () => {
    const response = await rig.fetch('/', { token: null })
    expect(response.status).to.equal(200)
    expect(await response.text())
      .to.include('Berth')
      .and.to.include('/api/openapi.json')
  })

  it('serves its description', async () => {
    const response = await rig.fetch('/api/openapi.json')
    expect(await response.json()).to.have.property('openapi', '3.0.3')
  })

  it('says 503 while Redis is away, and is well again once it is back', async () => {
    await rig.redis.kill()
    try {
      expect(await fault('/api/apps')).to.include({ status: 503, fault: 'unavailable' })
      expect((await fault('/api/health', { token: null })).status).to.equal(503)
    } finally {
      const ready = new Promise((resolve) => rig.store.redis.once('ready', resolve))
      await rig.redis.start()
      await ready
    }
    expect((await rig.fetch('/api/apps')).status).to.equal(200)
  })
})
