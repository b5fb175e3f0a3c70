import { once } from 'node:events'
import { expect } from 'chai'
import { EngineConnection } from '../../src/engine-client/connection.js'
import { followEvents, type EngineEvent } from '../../src/engine-client/events.js'
import { refusing, standIn, type StandIn } from './rig.js'

describe('the events of an engine', () => {
  let engine: StandIn
  beforeEach(async () => {
    engine = await standIn()
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  /** Follows until `count` have come. */
  async function follow(
    count: number,
    after: (seen: EngineEvent[]) => Promise<void> | void = () => undefined,
  ): Promise<EngineEvent[]> {
    const stop = new AbortController()
    const seen: EngineEvent[] = []
    for await (const event of followEvents(new EngineConnection(engine.engineSocket), { type: ['c'] }, stop.signal)) {
      seen.push(event)
      await after(seen)
      if (seen.length === count) stop.abort()
    }
    return seen
  }

  it('are followed over a restart of the engine, an é cut in two', async () => {
    const bytes = Buffer.from('{"Action":"die","Actor":{"ID":"a","Attributes":{"berth.app":"é"}}}\n')
    const asked: string[] = []
    const answer = (): Promise<void> =>
      engine.open((request, response) => {
        asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('filters') ?? '')
        response.write(bytes.subarray(0, bytes.indexOf(0xc3) + 1))
        setImmediate(() => response.write(bytes.subarray(bytes.indexOf(0xc3) + 1)))
      })
    await answer()
    const seen = await follow(4, async ({ length }) => {
      if (length === 2) await engine.close().then(answer)
    })
    expect(seen.map(({ action, attributes }) => [action, attributes['berth.app']])).to.deep.equal([
      ['connected', undefined],
      ['die', 'é'],
      ['connected', undefined],
      ['die', 'é'],
    ])
    expect(asked[0]).to.equal('{"type":["c"]}')
  })

  it('of older engines, and those that say little, are read too', async () => {
    await engine.open((_, response) => response.write('{"status":"start","id":"x"}\n{}\n{"Actor":{}}\n'))
    expect(await follow(4)).to.deep.equal([
      { action: 'connected', id: '', attributes: {} },
      { action: 'start', id: '', attributes: {} },
      { action: '', id: '', attributes: {} },
      { action: '', id: '', attributes: {} },
    ])
  })

  it('go on after an answer that is no, and one that is rubbish', async () => {
    let asked = 0
    await engine.open((request, response) => {
      asked += 1
      if (asked === 1) refusing(500, 'not now')(request, response)
      else if (asked === 2) response.end('rubbish\n')
      else response.write('{"Action":"start"}\n')
    })
    expect((await follow(3)).map(({ action }) => action)).to.deep.equal(['connected', 'connected', 'start'])
  })

  it('end with the signal, whoever waits, and leave no connection behind', async () => {
    const stop = new AbortController()
    let closed: Promise<unknown> = Promise.reject(new Error('nobody asked'))
    closed.catch(() => undefined)
    await engine.open((request, response) => {
      closed = once(request.socket, 'close')
      response.flushHeaders()
    })
    const events = followEvents(new EngineConnection(engine.engineSocket), {}, stop.signal)
    expect((await events.next()).value).to.include({ action: 'connected' })
    const next = events.next()
    stop.abort()
    expect(await next).to.deep.equal({ done: true, value: undefined })
    await closed
    expect(await followEvents(new EngineConnection(engine.engineSocket), {}, stop.signal).next()).to.include({
      done: true,
    })
  })
})
