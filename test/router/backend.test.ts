import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Backend } from '../../src/router/backend.js'

describe('a process that requests are sent to', () => {
  it('is not taken for one that cannot be reached when the router itself was held up', async () => {
    const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    try {
      const backend = new Backend('web.1', { host: '127.0.0.1', port: (server.address() as AddressInfo).port })
      const dialled = backend.dial(false)
      // longer than a connection may take, as when the machine stands still
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2100)
      const agent = await dialled
      expect(backend.suspect).to.equal(false)
      agent.destroy()
    } finally {
      server.close()
    }
  })
})
