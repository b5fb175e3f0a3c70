import { expect } from 'chai'
import { label } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { followApps, followDisconnects, type AppEvent } from '../../src/scheduler/events.js'
import { standIn, type StandIn } from '../engine-client/rig.js'

describe('what happens to containers of apps', () => {
  let engine: StandIn
  let filters: unknown
  beforeEach(async () => {
    engine = await standIn()
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const telling = (...events: object[]) =>
    engine.open((request, response) => {
      filters = JSON.parse(new URL(request.url ?? '', 'http://x').searchParams.get('filters') ?? '')
      response.write(events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    })
  const take = async (count: number, follow: (signal: AbortSignal) => AsyncIterable<AppEvent>): Promise<AppEvent[]> => {
    const stop = new AbortController()
    const seen: AppEvent[] = []
    for await (const event of follow(stop.signal)) if (seen.push(event) === count) stop.abort()
    return seen
  }
  const labels = { [label.app]: 'a', [label.process]: 'web.1', [label.type]: 'web' }

  it('is told with whose they are, and what is of no interest is not', async () => {
    await telling(
      { Action: 'exec_start: sh', Actor: { ID: '1', Attributes: labels } },
      { Action: 'die', Actor: { ID: '1', Attributes: labels } },
      { Action: 'rename' },
      { Action: 'oom', Actor: { ID: '2' } },
    )
    expect(await take(3, (signal) => followApps(connectEngine(engine), ['x=y'], signal))).to.deep.equal([
      { action: 'connected', id: '', app: '', process: '', type: '' },
      { action: 'die', id: '1', app: 'a', process: 'web.1', type: 'web' },
      { action: 'oom', id: '2', app: '', process: '', type: '' },
    ])
    expect(filters).to.deep.equal({
      type: ['container'],
      label: ['x=y'],
      event: ['start', 'die', 'pause', 'oom', 'destroy'],
    })
  })

  it('is told of those that came off the network of an app, and no other', async () => {
    const off = (name?: string) => ({ Action: 'disconnect', Actor: { ID: 'n', Attributes: { name, container: 'c' } } })
    await telling(off('bridge'), off('berth-xyz'), off(), off('berth-'), off('berth-00ff'))
    expect(await take(1, (signal) => followDisconnects(connectEngine(engine), signal))).to.deep.equal([
      { action: 'disconnect', id: 'c', app: '00ff', process: '', type: '' },
    ])
  })
})
