import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { createClient, fillPath } from '../../src/api/client.js'
import { routes, versionHeader } from '../../src/api/routes.js'

describe('the client of the control API', () => {
  it('puts names into a path whatever is in them, and keeps the rest', () => {
    expect(fillPath('/apps/:app/builds/:build', { app: 'a/b?#%', build: '..', follow: 'true' })).to.deep.equal({
      ...{ path: '/apps/a%2Fb%3F%23%25/builds/..', rest: { follow: 'true' } },
    })
    const given = { app: 'x' }
    expect(fillPath('/apps/:app', given).rest).to.deep.equal({})
    expect(given, 'its input is left alone').to.deep.equal({ app: 'x' })
    expect(fillPath('/apps', { name: ':app' })).to.deep.equal({ path: '/apps', rest: { name: ':app' } })
  })

  it('has a function for every route but sockets', () => {
    const client = createClient({ url: 'http://berth.localhost', token: 'x' })
    const named = (all: object) =>
      Object.entries(all).flatMap(([of, one]) => Object.keys(one as object).map((n) => `${of}.${n}`))
    expect(named(client)).to.deep.equal(
      named(routes).filter((name) => !['processes.run', 'services.enter'].includes(name)),
    )
  })

  it('sends what belongs in the query there, the rest as JSON, and what was not given not at all', async () => {
    const seen: string[] = []
    const server = createServer((request: IncomingMessage, response) => {
      void text(request).then((body) => {
        seen.push(`${request.method ?? ''} ${request.url ?? ''} ${body}`)
        response.writeHead(200, { [versionHeader]: '1', 'content-type': 'application/json' }).end('{}')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { apps, config, processes } = createClient({ url: `http://127.0.0.1:${port}`, token: 'x' })
    await apps.list({})
    await apps.destroy({ app: 'a', confirm: 'a&b=c' })
    await apps.create({ name: undefined })
    await config.change({ app: 'a', set: { KEY: 'ü' }, unset: [] })
    await processes.logs({ app: 'a', lines: 0, process: undefined })
    server.close().closeAllConnections()
    expect(seen).to.deep.equal([
      'GET /api/apps ',
      'DELETE /api/apps/a?confirm=a%26b%3Dc ',
      'POST /api/apps {}',
      'PATCH /api/apps/a/config {"set":{"KEY":"ü"},"unset":[]}',
      'GET /api/apps/a/logs?lines=0 ',
    ])
  })
})
