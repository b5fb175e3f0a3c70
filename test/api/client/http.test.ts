import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { createClient } from '../../../src/api/client.js'

async function told(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  try {
    await createClient({ url, token: 'x' }).apps.list({})
    return 'it was believed'
  } catch (error) {
    return (error as Error).message.replace(url, 'URL')
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

describe('a server that is no Berth', () => {
  const said = (status: number) => `URL answered ${String(status)}, and not as Berth does`
  const html = { 'content-type': 'text/html' }
  const json = { 'content-type': 'application/json' }

  it('is told apart, whatever it answers', async () => {
    expect(await told((_, response) => response.writeHead(200, html).end('<h1>It works!</h1>'))).to.equal(said(200))
    expect(await told((_, response) => response.writeHead(200, json).end('{"apps":1}'))).to.equal(said(200))
    expect(await told((_, response) => response.writeHead(301, { location: '/x' }).end())).to.equal(said(301))
    expect(await told((_, response) => response.writeHead(404, html).end('<h1>Not Found</h1>'))).to.equal(said(404))
    expect(await told((_, response) => response.writeHead(500, json).end('{"fault":1}'))).to.equal(said(500))
    expect(await told((_, response) => response.writeHead(500, json).end('[]'))).to.equal(said(500))
    expect(await told((_, response) => response.writeHead(500, json).end('null'))).to.equal(said(500))
  })

  it('is not listened to for ever', async () => {
    const message = await told((_, response) => {
      response.writeHead(401, json)
      const flood = (): void => {
        while (response.write('x'.repeat(1 << 20)));
        response.once('drain', flood)
      }
      flood()
    })
    expect(message).to.equal(said(401))
  })
})
