import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { EngineConnection } from '../../src/engine-client/connection.js'
import { EngineRefusal } from '../../src/engine-client/errors.js'
import { failure, refusing, standIn, type StandIn } from './rig.js'

describe('a connection to the engine', () => {
  let engine: StandIn
  let connection: EngineConnection
  beforeEach(async () => {
    engine = await standIn()
    connection = new EngineConnection(engine.engineSocket)
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const info = (over = connection, ms?: number) => over.ask((docker) => docker.info(), ms)
  const stream = (patch = {}) => connection.stream({ method: 'GET', path: '/events', query: {}, ...patch })

  it('asks again when it is hung up on, and not when the engine says no', async () => {
    let asked = 0
    await engine.open((request, response) => {
      if ((asked += 1) < 3) request.socket.destroy()
      else refusing(500, 'the registry: socket hang up')(request, response)
    })
    expect(await failure(info(connection.waiting(10_000)))).to.include({ statusCode: 500 })
    expect(asked).to.equal(3)
  })

  it('does not wait for an engine that never answers, nor for one that stops half-way', async () => {
    await engine.open(() => undefined)
    const silent = await failure(info(connection, 30))
    expect(silent).to.include({ fault: 'unavailable' })
    expect((silent as Error).cause).to.include({ code: 'ETIMEDOUT' })
    await engine.close()
    await engine.open((_, response) => response.write('{"ID"', () => response.destroy()))
    expect(await failure(info(connection, 30))).to.include({ fault: 'unavailable' })
  })

  it('waits for an engine that has more to do than it can accept', async () => {
    await using socket = await standIn()
    const busy = createServer((_, response) => response.end('{}'))
    busy.listen({ path: socket.engineSocket, backlog: 1 })
    await once(busy, 'listening')
    const patient = new EngineConnection(socket.engineSocket, 10_000)
    // all of them before the loop can accept one: connect(2) says EAGAIN to the last
    const answers = await Promise.all(Array.from({ length: 8 }, () => failure(info(patient))))
    busy.close()
    expect(answers).to.deep.equal(Array.from({ length: 8 }, () => null))
  })

  it('writes nothing of its connections for a debug log that nobody reads', async () => {
    const written: string[] = []
    await engine.open((_, response) => {
      // as docker-modem does, at each request
      const { agent } = connection.docker.modem as { agent?: object }
      written.push(inspect({ agent }, { showHidden: true, depth: null }))
      response.end('{}')
    })
    await info()
    expect(written).to.deep.equal(['{ agent: Agent }'])
  })

  it('has a connection for each request', async () => {
    const sockets = new Set<unknown>()
    await engine.open((request, response) => {
      sockets.add(request.socket)
      response.end('{}')
    })
    await info()
    await info()
    expect(sockets.size).to.equal(2)
  })

  it('sends the query of a stream as it is', async () => {
    let url = ''
    await engine.open((request, response) => {
      url = request.url ?? ''
      response.end()
    })
    const query = { filters: '{"label":["a=b&c d/é"]}', since: 0, last: 'z' }
    ;(await stream({ query })).resume()
    expect(Object.fromEntries(new URL(url, 'http://x').searchParams)).to.deep.equal({ ...query, since: '0' })
  })

  it('streams what comes, and says when the engine says no or stops half-way', async () => {
    await engine.open((_, response) => response.write('begun', () => response.destroy()))
    const cut = async () => {
      for await (const piece of (await stream()) as AsyncIterable<Buffer>) expect(String(piece)).to.equal('begun')
    }
    expect(await failure(cut())).to.include({ code: 'ECONNRESET' })
    await engine.close()
    await engine.open(refusing(404, 'no such container'))
    const error = await failure(stream())
    expect(error).to.be.instanceOf(EngineRefusal).and.include({ statusCode: 404, message: 'no such container' })
  })

  it('ends a stream with its signal, before its answer and after it', async () => {
    let requests: IncomingMessage[] = []
    await engine.open((request, response) => {
      requests.push(request)
      if (requests.length === 1) response.write('a')
      else stop.abort()
    })
    let stop = new AbortController()
    const begun = await stream({ signal: stop.signal })
    const closed = once(requests[0]?.socket as Socket, 'close')
    stop.abort()
    expect(await failure(once(begun.resume(), 'end'))).to.be.instanceOf(Error)
    await closed
    stop = new AbortController()
    expect(await failure(stream({ signal: stop.signal }))).to.be.instanceOf(Error)
    requests = []
    expect(await failure(stream({ signal: AbortSignal.abort() }))).to.be.instanceOf(Error)
    expect(requests).to.deep.equal([])
  })
})
