import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import { passBody } from '../../src/router/body.js'
import { until } from '../scheduler/describe-scheduler.js'

/** What a body is passed to: it takes one write, and the next when it is told to. */
class Sink extends Writable {
  readonly writes: Buffer[] = []
  taken: () => void = () => undefined
  /** Takes all that comes. */
  open = false

  constructor() {
    super({ highWaterMark: 1000 })
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.writes.push(chunk)
    if (this.open) done()
    else this.taken = done
  }

  release(): void {
    this.open = true
    this.taken()
  }

  get text(): string {
    return Buffer.concat(this.writes).toString()
  }
}

/** From now on time stands still for what waits for it, until it is disposed of: then all that was held begins. */
function holdTimers(): Disposable & { readonly held: number } {
  const { setTimeout: real } = globalThis
  const begin: (() => void)[] = []
  globalThis.setTimeout = ((run: () => void, ms: number) => {
    begin.push(() => void real(run, ms))
    return { unref: () => undefined }
  }) as unknown as typeof setTimeout
  return {
    get held() {
      return begin.length
    },
    [Symbol.dispose]: () => {
      globalThis.setTimeout = real
      for (const one of begin.splice(0)) one()
    },
  }
}

const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const chunks = (count: number): string => '1\r\nx\r\n'.repeat(count)

describe('a body that is passed on', () => {
  const sinks: Sink[] = []
  const requests: IncomingMessage[] = []
  let held = 0
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const sink = new Sink()
    requests.push(request)
    sinks.push(sink)
    passBody(request, sink, () => held++)
    sink.once('finish', () => response.end('done'))
  })
  let client: Socket
  let answers = ''
  const nth = <T>(all: readonly T[], index: number): Promise<T> => until('a request', () => Promise.resolve(all[index]))

  before(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  beforeEach(async () => {
    sinks.length = requests.length = held = 0
    answers = ''
    client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    client.on('data', (data: Buffer) => (answers += data.toString()))
    await once(client, 'connect')
  })
  afterEach(() => client.destroy())
  after(() => server.close())

  it('goes in as few writes as it came in reads', async () => {
    client.write(`${post}${chunks(10_000)}0\r\n\r\n`)
    const sink = await nth(sinks, 0)
    sink.release()
    await once(sink, 'finish')
    expect(sink.text).to.equal('x'.repeat(10_000))
    expect(sink.writes.length).to.be.lessThan(100)
  })

  it('is left in the network while the other side takes nothing, and goes on when it does', async () => {
    client.write(post)
    const count = 8_000_000
    const all = Buffer.from(`64\r\n${'x'.repeat(100)}\r\n`.repeat(count / 10_000))
    for (let n = 0; n < 100; n++) client.write(all)
    const [request, sink] = [await nth(requests, 0), await nth(sinks, 0)]
    await until('it to be held', () => Promise.resolve(held > 0))
    await new Promise((resolve) => setImmediate(resolve))
    expect(request.readableLength).to.equal(0)
    expect(sink.writableLength).to.be.within(1000, 131_072)
    expect(client.writableLength).to.be.greaterThan(0)
    sink.release()
    client.write('0\r\n\r\n')
    await once(sink, 'finish')
    expect(sink.text.length).to.equal(count)
  })

  it('that is whole leaves its connection to the next request', async () => {
    client.write(`${post}${chunks(5_000)}0\r\n\r\n`)
    const first = await nth(sinks, 0)
    await until('it to be whole', () => Promise.resolve(requests[0]?.complete))
    first.release()
    client.write(`${post}${chunks(3)}0\r\n\r\n`)
    const second = await nth(sinks, 1)
    second.release()
    await until('both answers', () => Promise.resolve(answers.split('done').length === 3))
    expect([first.text.length, second.text.length]).to.deep.equal([5_000, 3])
  })

  it('of very many small chunks comes slowly, and one of few or of large ones does not wait for it', async () => {
    const count = 60_000
    const start = performance.now()
    using waits = holdTimers()
    client.write(`${post}${chunks(count)}0\r\n\r\n`)
    const sink = await nth(sinks, 0)
    sink.release()
    await until('it to wait', () => Promise.resolve(waits.held > 0))
    const port = (server.address() as AddressInfo).port
    const [few, large] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    few.write(post)
    const stream = await nth(sinks, 1)
    stream.release()
    for (const length of [5, 10, 15]) {
      few.write(chunks(5))
      await until('the few', () => Promise.resolve(stream.text.length === length))
    }
    large.write(`${post}${`400\r\n${'x'.repeat(1024)}\r\n`.repeat(2000)}0\r\n\r\n`)
    const whole = await nth(sinks, 2)
    whole.release()
    await once(whole, 'finish')
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(sink.text.length, 'of the many').to.be.lessThan(count)
    waits[Symbol.dispose]()
    await once(sink, 'finish')
    for (const other of [few, large]) other.destroy()
    expect(sink.text.length).to.equal(count)
    // at most 50 a millisecond, less what the first and the last read brought, some 11,000 each
    expect(performance.now() - start).to.be.greaterThan(600)
  })

  it('is not read on when the other side has gone', async () => {
    client.write(`${post}${chunks(100)}`)
    const [request, sink] = [await nth(requests, 0), await nth(sinks, 0)]
    sink.destroy()
    await once(sink, 'close')
    client.write(chunks(100_000))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(request.readableLength).to.equal(0)
  })
})
