import { expect } from 'chai'
import { connectEngine, type EngineClient } from '../../src/engine-client/client.js'
import { EngineRefusal } from '../../src/engine-client/errors.js'
import { standIn, type StandIn } from './rig.js'

describe('the engine client', () => {
  let engine: StandIn
  let client: EngineClient
  beforeEach(async () => {
    engine = await standIn()
    client = connectEngine(engine)
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const refusing = (statusCode: number, message: string) =>
    engine.open((_, response) => response.writeHead(statusCode).end(JSON.stringify({ message })))
  const failure = (answer: Promise<unknown>): Promise<unknown> =>
    answer.then(
      () => null,
      (error: unknown) => error,
    )

  it('tells a refusal in the engine’s own words', async () => {
    await refusing(409, 'the name is taken')
    const error = await failure(client.containers.unpause('a'))
    expect(error).to.be.instanceOf(EngineRefusal).and.include({ statusCode: 409, message: 'the name is taken' })
  })

  it('has null for what is not there, and says so only then', async () => {
    await refusing(404, 'no such image')
    expect(await client.images.inspect('a')).to.equal(null)
    await engine.close()
    await refusing(500, 'the disk is full')
    expect(await failure(client.images.inspect('a'))).to.include({ statusCode: 500 })
    await engine.close()
    expect(await failure(client.images.inspect('a'))).to.include({ fault: 'unavailable' })
  })

  it('waits for an engine that is away, as long as it was told to', async () => {
    const patient = client.waiting(10_000).info()
    expect(await failure(client.info())).to.include({ fault: 'unavailable' })
    await engine.open((_, response) => response.end('{"Architecture":"x86_64"}'))
    expect(await patient).to.deep.equal({ Architecture: 'x86_64' })
    expect(await client.answers()).to.equal(true)
  })

  it('takes for its own a container whose creation was answered by nobody', async () => {
    const seen: string[] = []
    await engine.open((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      if (seen.length === 1) request.socket.destroy()
      else if (request.method === 'POST') response.writeHead(409).end('{"message":"the name is taken"}')
      else response.end('{"Id":"mine"}')
    })
    const options = { name: 'x', Image: 'i', HostConfig: { Annotations: {} } }
    expect(await client.waiting(5_000).containers.create(options)).to.equal('mine')
    expect(seen).to.deep.equal([
      'POST /containers/create?name=x',
      'POST /containers/create?name=x',
      'GET /containers/x/json',
    ])
    expect(await failure(client.containers.create(options))).to.include({ statusCode: 409 })
  })

  it('does not mind what is stopped, or gone, already', async () => {
    await engine.open((_, response) => response.writeHead(404).end('{"message":"no such container"}'))
    await client.containers.stop('a', 1)
    expect(await client.containers.remove('a')).to.equal(true)
    await client.networks.remove('a')
    await engine.close()
    await engine.open((_, response) => response.writeHead(409).end('{"message":"removal is in progress"}'))
    expect(await client.containers.remove('a')).to.equal(false)
  })

  it('follows events over a restart of the engine', async () => {
    const event = '{"Action":"die","Actor":{"ID":"a","Attributes":{"berth.app":"é"}}}\n'
    const bytes = Buffer.from(event)
    const stop = new AbortController()
    const seen: string[] = []
    const asked: string[] = []
    const answer = (): Promise<void> =>
      engine.open((request, response) => {
        asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('filters') ?? '')
        // cut within a character
        response.write(bytes.subarray(0, bytes.indexOf(0xc3) + 1))
        setImmediate(() => response.write(bytes.subarray(bytes.indexOf(0xc3) + 1)))
      })
    await answer()
    for await (const { action, attributes } of client.events({ type: ['container'] }, stop.signal)) {
      seen.push(action === 'connected' ? action : `${action} ${attributes['berth.app'] ?? ''}`)
      if (seen.length === 2) await engine.close().then(answer)
      if (seen.length === 4) stop.abort()
    }
    expect(seen).to.deep.equal(['connected', 'die é', 'connected', 'die é'])
    expect(asked[0]).to.equal('{"type":["container"]}')
  })

  it('tells how an image is built, and when it is not', async () => {
    await engine.open((request, response) => {
      request.resume()
      response.end(
        request.url?.startsWith('/version')
          ? '{"Components":[{"Name":"containerd"}]}'
          : '{"stream":"a"}\n{"error":"no space"}',
      )
    })
    expect(await client.builds.builder()).to.equal('buildkit')
    const told: unknown[] = []
    for await (const message of client.images.pull('a:b')) told.push(message)
    expect(told).to.deep.equal([{ stream: 'a' }, { error: 'no space' }])
  })

  it('asks again how a container ended when the answer stops half-way', async () => {
    let asked = 0
    await engine.open((request, response) => {
      if (request.url?.includes('/wait') !== true)
        response.end('{"State":{"Running":false,"Status":"exited","ExitCode":7}}')
      else if (++asked === 1) response.write('{"Stat', () => response.destroy())
      else response.end('{"StatusCode":7}')
    })
    expect(await client.containers.exitOf('a', new AbortController().signal)).to.equal(7)
  })
})
