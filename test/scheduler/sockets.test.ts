import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { expect } from 'chai'
import { listenersOf, parseListeners } from '../../src/scheduler/sockets.js'

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (local: string, state: string) =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 12345 1 0000 100 0 0 10 0`

describe('listening sockets', () => {
  it('are those in state LISTEN', () => {
    const text = [head, row('00000000:1388', '0A'), row('00000000:1389', '01'), row('0200580A:1F90', '0A'), ''].join(
      '\n',
    )
    expect(parseListeners(text)).to.deep.equal([
      { address: '0.0.0.0', port: 5000, loopback: false },
      { address: '10.88.0.2', port: 8080, loopback: false },
    ])
  })

  it('on loopback are told apart, in both families', () => {
    const local = ['0100007F:1388', '00000000000000000000000001000000:1388', '0000000000000000FFFF00000100007F:1388']
    expect(parseListeners(local.map((at) => row(at, '0A')).join('\n'))).to.deep.equal([
      { address: '127.0.0.1', port: 5000, loopback: true },
      { address: '::1', port: 5000, loopback: true },
      { address: '127.0.0.1', port: 5000, loopback: true },
    ])
    expect(parseListeners(row('00000000000000000000000000000000:1388', '0A'))).to.deep.equal([
      { address: '::', port: 5000, loopback: false },
    ])
  })

  it('leave out the resolver that Docker puts into a container', () => {
    expect(parseListeners(row('0B00007F:9C40', '0A'))).to.deep.equal([])
  })

  it('make nothing of rubbish', () => {
    expect(parseListeners('')).to.deep.equal([])
    expect(parseListeners(`${head}\nrubbish\n 0: zz:1 0A\n`)).to.deep.equal([])
  })

  it('are seen in the namespace of a process', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    try {
      const heard = await listenersOf(process.pid, '127.0.0.1')
      expect(heard).to.deep.include({ address: '127.0.0.1', port, loopback: true })
    } finally {
      server.close()
    }
  })

  it('are not looked for in a namespace that is not the container’s', async () => {
    expect(await listenersOf(process.pid, '203.0.113.77')).to.equal(null)
    expect(await listenersOf(2 ** 22 + 1, '127.0.0.1')).to.equal(null)
  })
})
