import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { rawApp, until } from '../parts.js'
import { portsRig } from './rig.js'

describe('the ports of apps', function () {
  this.timeout(30_000)

  it('that another program has are said to be, tried again, and open when they are free', async () => {
    await using app = await rawApp((socket) => socket.end('here'))
    await using rig = await portsRig('tcp', app.port)
    const stranger = createServer().listen(rig.port, '127.0.0.1')
    await once(stranger, 'listening')
    await rig.lead([app.target()])
    expect(rig.ports.unopened('a')).to.deep.equal({
      [`${rig.port}/tcp`]: 'another program of this machine has it',
    })
    expect(rig.ports.unopened('b')).to.deep.equal({})
    stranger.close()
    await until(() => Object.keys(rig.ports.unopened('a')).length === 0)
    expect(await text(connect(rig.port, '127.0.0.1'))).to.equal('here')
  })

  it('that are given up while they cannot be opened stay closed', async () => {
    await using app = await rawApp((socket) => socket.end('here'))
    await using rig = await portsRig('tcp', app.port)
    const stranger = createServer().listen(rig.port)
    await once(stranger, 'listening')
    await rig.lead([app.target()])
    await rig.lead([app.target()], { ports: [] })
    expect(rig.ports.unopened('a')).to.deep.equal({})
    stranger.close()
    await once(stranger, 'close')
    await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than until the next try
    const [error] = (await once(connect(rig.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('ECONNREFUSED')
  })

  it('lead to the type of process that they name', async () => {
    await using web = await rawApp((socket) => socket.end('web'))
    await using worker = await rawApp((socket) => socket.end('worker'))
    await using rig = await portsRig('tcp', worker.port)
    const others = [{ ...worker.target('w'), process: 'worker.1' }]
    await rig.lead([web.target()], { others, port: { type: 'worker' } })
    expect(await text(connect(rig.port, '127.0.0.1'))).to.equal('worker')
    await rig.lead([web.target()], { others, port: { type: 'work' } })
    const [error] = (await once(connect(rig.port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException]
    expect(error.code).to.equal('ECONNRESET')
  })

  it('that go to another app end what the one before had of them', async () => {
    await using app = await rawApp((socket) => socket.write('hello'))
    await using rig = await portsRig('tcp', app.port)
    await rig.lead([app.target()])
    const client = connect(rig.port, '127.0.0.1').on('error', () => undefined)
    await once(client, 'data')
    const { ports = [] } = rig.table.route('a') ?? {}
    rig.table.remove('a')
    rig.table.apply({ app: 'b', name: 'b', hosts: ['b.test'], targets: [app.target()], ports, version: 1 })
    const closed = new Promise((resolve) => client.once('close', resolve))
    await rig.ports.apply()
    await closed
    const next = connect(rig.port, '127.0.0.1')
    expect(String(await once(next, 'data'))).to.equal('hello')
    next.destroy()
  })
})
