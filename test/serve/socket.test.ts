import { createServer, connect } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { openListener } from '../../src/serve/socket.js'
import { freePort } from '../free.js'

describe('a listening socket', () => {
  it('keeps connections waiting until somebody accepts', async () => {
    const port = await freePort()
    const listener = openListener(port) // the server closes the descriptor with itself
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const server = createServer((accepted) => accepted.end('hello')).listen({ fd: listener.fd })
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).to.equal('hello')
    server.close()
  })

  it('says that the port is taken', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect(() => openListener(port)).to.throw(`port ${port} is taken`)
    server.close()
  })
})
