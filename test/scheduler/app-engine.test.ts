import { expect } from 'chai'
import { label } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { AppEngine } from '../../src/scheduler/app-engine.js'
import { refusing, standIn, type StandIn } from '../engine-client/rig.js'

describe('an engine, in terms of apps', () => {
  let stand: StandIn
  let engine: AppEngine
  /** What was asked, and what is answered by the beginning of the path. */
  let asked: string[]
  let answers: Record<string, unknown>
  beforeEach(async () => {
    stand = await standIn()
    engine = new AppEngine(connectEngine(stand), 'i')
    ;[asked, answers] = [[], {}]
    await stand.open((request, response) => {
      const url = decodeURIComponent(request.url ?? '')
      asked.push(url)
      const found = Object.entries(answers).find(([path]) => url.startsWith(path))
      if (found) response.end(JSON.stringify(found[1]))
      else refusing(404, 'no such thing')(request, response)
    })
  })
  afterEach(() => stand[Symbol.asyncDispose]())

  const container = (id: string, app: string, patch: object = {}) => ({
    Id: id,
    Created: 5,
    State: 'running',
    Labels: {
      [label.app]: app,
      [label.process]: 'web.1',
      [label.type]: 'web',
      [label.release]: '3',
      'berth.spec': 's',
    },
    NetworkSettings: { Networks: { [`berth-${app}`]: { IPAddress: '10.0.0.2' } } },
    ...patch,
  })
  const state = (patch: object = {}, networks: object = {}) => ({
    State: { Running: true, StartedAt: 'one', ...patch },
    Config: { Labels: { 'berth.app': 'a' } },
    NetworkSettings: { Networks: networks },
  })

  it('has an app’s containers as they are', async () => {
    answers['/containers/json'] = [
      container('1', 'a'),
      container('2', 'a', { State: 'paused' }),
      container('3', 'b', { State: 'removing', NetworkSettings: { Networks: {} } }),
      container('4', 'b', { State: 'exited', Labels: {} }),
    ]
    const all = await engine.list()
    expect([...all.keys()]).to.deep.equal(['a', 'b', ''])
    expect(all.get('a')).to.deep.equal([
      {
        id: '1',
        process: 'web.1',
        type: 'web',
        release: 3,
        spec: 's',
        running: true,
        paused: false,
        removing: false,
        createdAt: 5,
        address: '10.0.0.2',
      },
      {
        id: '2',
        process: 'web.1',
        type: 'web',
        release: 3,
        spec: 's',
        running: true,
        paused: true,
        removing: false,
        createdAt: 5,
        address: '10.0.0.2',
      },
    ])
    expect(all.get('b')?.[0]).to.include({ running: false, removing: true, address: '' })
    expect(all.get('')?.[0]).to.include({ process: '', release: 0, spec: '' })
  })

  it('asks for its own instance’s only', async () => {
    answers['/containers/json'] = []
    await engine.list('a')
    await engine.list()
    expect(
      asked.map((url) => JSON.parse(new URL(url, 'http://x').searchParams.get('filters') ?? '') as unknown),
    ).to.deep.equal([
      { label: [`${label.instance}=i`, `${label.app}=a`] },
      { label: [`${label.instance}=i`, label.app] },
    ])
  })

  it('asks once when a container was started, until that may have changed', async () => {
    answers['/containers/c/'] = state()
    expect([await engine.startedAt('c'), await engine.startedAt('c'), asked.length]).to.deep.equal(['one', 'one', 1])
    answers['/containers/c/'] = state({ StartedAt: 'two' })
    engine.forget('other')
    expect(await engine.startedAt('c')).to.equal('one')
    engine.forget('c')
    expect(await engine.startedAt('c')).to.equal('two')
    engine.forget()
    answers = {}
    expect(await engine.startedAt('c')).to.equal(null)
  })

  it('does not keep in mind when one that has ended was started', async () => {
    answers['/containers/c/'] = state({ Running: false })
    expect([await engine.startedAt('c'), await engine.startedAt('c'), asked.length]).to.deep.equal(['one', 'one', 2])
  })

  it('knows who is off the app’s network: one that runs', async () => {
    const on = { 'berth-a': { IPAddress: '10.0.0.9' } }
    for (const [info, disconnected, address] of [
      [state({}, on), false, '10.0.0.9'],
      [state({}, { 'berth-a': {} }), false, ''],
      [state({}, { bridge: {} }), true, ''],
      [state({ Running: false }), false, ''],
    ] as const) {
      answers['/containers/c/'] = info
      expect([await engine.isDisconnected('c'), (await engine.addressOf('c')) || '']).to.deep.equal([
        disconnected,
        address,
      ])
    }
    answers = {}
    expect([await engine.isDisconnected('c'), await engine.addressOf('c')]).to.deep.equal([false, ''])
  })

  for (const [what, config, command] of [
    ['lists', { Entrypoint: ['/a'], Cmd: ['b', 'c'] }, { entrypoint: ['/a'], cmd: ['b', 'c'] }],
    ['strings', { Entrypoint: '/a', Cmd: 'b c' }, { entrypoint: ['/a'], cmd: ['b c'] }],
    ['nothing', { Entrypoint: null }, { entrypoint: [], cmd: [] }],
  ] as const)
    it(`knows what an image runs that has ${what}, and asks once`, async () => {
      answers['/images/i/'] = { Config: config }
      expect(await engine.commandOf('i')).to.deep.equal(command)
      expect(await engine.commandOf('i')).to.deep.equal(command)
      expect(asked).to.have.length(1)
    })

  it('asks again for an image that was not there', async () => {
    expect(await engine.commandOf('i')).to.deep.equal({ entrypoint: [], cmd: [] })
    answers['/images/i/'] = { Config: { Cmd: ['x'] } }
    expect(await engine.commandOf('i')).to.deep.equal({ entrypoint: [], cmd: ['x'] })
  })

  it('knows which apps have a network', async () => {
    answers['/networks'] = [{ Labels: { [label.app]: 'a' } }, { Labels: {} }, {}, { Labels: { [label.app]: 'b' } }]
    expect(await engine.networks()).to.deep.equal(['a', 'b'])
  })
})
