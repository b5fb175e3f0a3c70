import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { expect } from 'chai'
import { UdpPort } from '../../../src/router/ports/udp-port.js'
import { Table, type PortLead } from '../../../src/router/table.js'
import type { RoutingRules } from '../../../src/routing-rules.js'
import { freePort } from '../../free.js'
import { until } from '../parts.js'

describe('a UDP port of an app', function () {
  this.timeout(30_000)
  const open: Socket[] = []
  const drained: string[] = []
  let table: Table
  let port: UdpPort
  let at: number
  let version = 0
  /** How often the port has asked where it leads: at first, and for each client that is new. */
  let asked = 0

  const bound = async (host = '127.0.0.1'): Promise<Socket> => {
    const socket = createSocket('udp4')
    open.push(socket)
    socket.bind(0, host)
    await once(socket, 'listening')
    return socket
  }
  /** A process that says who asked, and what; `silent` is one that says nothing. */
  const process = async (word: string): Promise<{ id: string; port: number; heard: number[] }> => {
    const socket = await bound()
    const heard: number[] = []
    socket.on('message', (data, from) => {
      heard.push(from.port)
      if (word !== 'silent') socket.send(`${word} ${data.toString()}`, from.port, from.address)
    })
    return { id: word, port: socket.address().port, heard }
  }
  const lead = (to: { id: string; port: number } | undefined, rules?: RoutingRules): void => {
    const targets = to ? [{ id: to.id, process: 'web.1', host: '127.0.0.1', port: to.port }] : []
    const ports = [{ port: at, protocol: 'udp' as const, to: to?.port ?? 1, type: 'web' }]
    table.apply({ app: 'a', name: 'a', hosts: ['a.test'], targets, ports, version: ++version, ...(rules && { rules }) })
  }
  const begin = async (
    options: { each?: number; port?: number; idle?: Record<string, number> } = {},
  ): Promise<void> => {
    const find = (): PortLead => {
      asked += 1
      return table.ports()[0] as PortLead
    }
    port = new UdpPort(find, { each: 100, ...options })
    await port.open()
  }
  const ask = (socket: Socket, word: string): void => socket.send(word, at, '127.0.0.1')
  const answer = async (socket: Socket, word: string): Promise<string> => {
    ask(socket, word)
    const [said] = (await once(socket, 'message')) as [Buffer]
    return said.toString()
  }

  beforeEach(async () => {
    drained.length = 0
    table = new Table((_, target) => drained.push(target))
    at = await freePort()
  })
  afterEach(async () => {
    await port.ended()
    for (const socket of open.splice(0)) socket.close()
  })

  it('answers each client with what is for it, from the port it asked', async () => {
    lead(await process('one'))
    await begin()
    const clients = await Promise.all(Array.from({ length: 20 }, () => bound()))
    const said = await Promise.all(clients.map((client, i) => answer(client, String(i))))
    expect(said).to.deep.equal(clients.map((_, i) => `one ${i}`))
    const [first] = clients
    if (!first) throw new Error('no client')
    ask(first, 'again')
    const [, from] = (await once(first, 'message')) as [Buffer, { port: number }]
    expect(from.port).to.equal(at)
  })

  it('keeps a client at its process, which counts as busy, until it is quiet; who is new goes to the new one', async () => {
    const one = await process('one')
    lead(one)
    await begin({ idle: { leaving: 200 } })
    const [client, other] = [await bound(), await bound()]
    expect(await answer(client, 'x')).to.equal('one x')
    expect(await answer(client, 'y')).to.equal('one y')
    expect(new Set(one.heard).size, 'one socket a client').to.equal(1)
    lead(await process('two'))
    expect(table.state('a').busy).to.deep.equal(['one'])
    expect(await answer(client, 'z')).to.equal('one z')
    expect(await answer(other, 'x')).to.equal('two x')
    await until(() => drained.includes('one'))
    expect(await answer(client, 'x')).to.equal('two x')
  })

  it('gives one client so many sessions and no more, until they are over', async () => {
    lead(await process('one'))
    await begin({ each: 2, idle: { answered: 200 } })
    const [a, b, c] = [await bound(), await bound(), await bound()]
    for (const one of [a, b]) await answer(one, 'x')
    let isHeard = false
    c.once('message', () => (isHeard = true))
    ask(c, 'x')
    expect(await answer(a, 'y')).to.equal('one y')
    expect(isHeard).to.equal(false)
    const again = setInterval(() => ask(c, 'x'), 50)
    await once(c, 'message')
    clearInterval(again)
  })

  it('makes room by ending what was never answered, and nothing that was', async () => {
    const silent = await process('silent')
    lead(await process('one'))
    await begin({ port: 3 })
    const known = await bound()
    expect(await answer(known, 'x')).to.equal('one x')
    lead(silent)
    for (let i = 0; i < 20; i++) ask(await bound(), 'flood')
    await until(() => silent.heard.length >= 3)
    lead(await process('two'))
    expect(await answer(await bound(), 'x')).to.equal('two x')
    expect(await answer(known, 'y')).to.equal('one y')
  })

  it('drops what is for nobody, or is kept out, and is there again when somebody is', async () => {
    lead(undefined)
    await begin()
    const client = await bound()
    const dropped = async (): Promise<void> => {
      const before = asked
      ask(client, 'x')
      await until(() => asked > before)
    }
    await dropped()
    const one = await process('one')
    lead(one, { allow: ['192.0.2.0/24'] })
    await dropped()
    lead(one)
    expect(await answer(client, 'y')).to.equal('one y')
    expect(one.heard).to.have.lengthOf(1)
  })

  it('finds another process when one is gone', async () => {
    const gone = await process('gone')
    lead(gone)
    await begin()
    const client = await bound()
    expect(await answer(client, 'x')).to.equal('gone x')
    const [socket] = open.splice(0, 1)
    socket?.close()
    lead(await process('one'))
    const again = setInterval(() => ask(client, 'z'), 50)
    const [said] = (await once(client, 'message')) as [Buffer]
    clearInterval(again)
    expect(said.toString()).to.equal('one z')
  })
})
