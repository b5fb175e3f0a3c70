import { once } from 'node:events'
import {
  createServer,
  request,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { requestBody, checkEncoding, discard } from '../../src/git/body.js'
import { failure } from './bare.js'

describe('the body of a push', () => {
  let server: Server
  let arrived: PromiseWithResolvers<IncomingMessage>
  const sent: ClientRequest[] = []
  before(async () => {
    server = createServer((asked) => arrived.resolve(asked)).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  beforeEach(() => {
    arrived = Promise.withResolvers()
  })
  afterEach(() => {
    for (const one of sent.splice(0)) one.destroy()
  })
  after(() => {
    server.close()
    server.closeAllConnections()
  })

  /** Begins to send; the two ends of it. */
  const send = async (headers: OutgoingHttpHeaders, first: Buffer | string = '') => {
    const { port } = server.address() as AddressInfo
    const client = request({ port, host: '127.0.0.1', method: 'POST', headers, agent: false }).on(
      'error',
      () => undefined,
    )
    sent.push(client)
    client.flushHeaders()
    if (first.length > 0) client.write(first)
    return { client, incoming: await arrived.promise }
  }
  const limits = { bytes: 1_000_000, patienceMs: 5_000, tooLarge: { message: 'too large', hint: 'push less' } }
  const read = async (incoming: IncomingMessage, patch = {}): Promise<string> => {
    const pieces: Buffer[] = []
    for await (const piece of requestBody(incoming, { ...limits, ...patch })) pieces.push(piece)
    return Buffer.concat(pieces).toString('latin1')
  }
  const gzip = { 'content-encoding': 'gzip' }

  it('is what was sent, inflated where it says so', async () => {
    const plain = await send({}, '\0\xff')
    plain.client.end()
    expect(await read(plain.incoming)).to.equal('\0\xc3\xbf')
    arrived = Promise.withResolvers()
    const packed = await send(gzip, gzipSync('x'.repeat(500_000)))
    packed.client.end()
    expect(await read(packed.incoming)).to.equal('x'.repeat(500_000))
  })

  it('is empty of nothing', async () => {
    const { client, incoming } = await send({ 'content-length': 0 })
    client.end()
    expect(await read(incoming)).to.equal('')
  })

  for (const [what, headers, bytes] of [
    ['plain', {}, Buffer.alloc(2_000)],
    ['inflated', gzip, gzipSync(Buffer.alloc(10_000_000))],
  ] as const)
    it(`is refused beyond its limit, ${what}, and not read to its end`, async () => {
      const { incoming } = await send(headers, bytes)
      expect(await failure(read(incoming, { bytes: 1_000 }))).to.include({
        fault: 'large',
        message: 'too large',
        hint: 'push less',
      })
      expect(incoming.destroyed).to.equal(false) // whoever refused it answers yet
    })

  it('ends where it is no gzip, or the client leaves within it', async () => {
    const rubbish = await send(gzip, 'rubbish')
    rubbish.client.end()
    expect(await read(rubbish.incoming)).to.equal('')
    for (const headers of [{}, gzip]) {
      arrived = Promise.withResolvers()
      const { client, incoming } = await send(headers, headers === gzip ? gzipSync('abc').subarray(0, 12) : 'abc')
      const body = read(incoming)
      client.destroy()
      expect('abc'.startsWith(await body)).to.equal(true)
    }
  })

  it('is refused when its silences are too long in all', async () => {
    const { client, incoming } = await send({}, 'a')
    const late = failure(read(incoming, { patienceMs: 30 }))
    expect(await late).to.include({ fault: 'invalid', message: 'the push stopped arriving' })
    client.end()
  })

  it('is dropped to its end, so that its sender reads the answer', async () => {
    const { client, incoming } = await send({}, Buffer.alloc(300_000))
    const dropped = discard(incoming)
    client.end(Buffer.alloc(300_000))
    await dropped
    expect(incoming.complete).to.equal(true)
    await discard(incoming)
  })

  it('is dropped no more when its sender leaves', async () => {
    const { client, incoming } = await send({}, 'a')
    const dropped = discard(incoming)
    client.destroy()
    await dropped
    expect(incoming.complete).to.equal(false)
  })

  it('comes in one of the two encodings that git has', async () => {
    for (const [encoding, ok] of [
      ['gzip', true],
      ['identity', true],
      ['deflate', false],
      ['GZIP', false],
      ['gzip, gzip', false],
      ['x'.repeat(1000), false],
    ] as const) {
      arrived = Promise.withResolvers()
      const { incoming } = await send({ 'content-encoding': encoding })
      const check = () => checkEncoding(incoming)
      if (ok) check()
      else expect(check, encoding).to.throw(/^Content-Encoding .{1,20} is not understood$/)
    }
  })
})

describe('the memory of a request body', () => {
  it('goes with its pieces', async () => {
    const chunk = Buffer.alloc(1024 * 1024)
    const limits = { bytes: Infinity, patienceMs: 60_000, tooLarge: { message: '', hint: '' } }
    const kept: WeakRef<Buffer>[] = []
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let count = 0; count < 300; count += 1) yield await Promise.resolve(Buffer.from(chunk))
    }
    const request = Object.assign(Readable.from(pieces()), { headers: {} }) as unknown as IncomingMessage
    for await (const piece of requestBody(request, limits)) kept.push(new WeakRef(piece))
    await new Promise((resolve) => setImmediate(resolve))
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    await new Promise((resolve) => setImmediate(resolve))
    expect(kept.filter((one) => one.deref() !== undefined).length).to.be.lessThan(50)
  })
})
