import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { label, type Config } from '../../src/config.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { readLogs } from '../../src/scheduler/logs.js'
import type { LogLine, LogQuery, LogSource } from '../../src/scheduler/scheduler.js'
import { frame, refusing, standIn, type StandIn } from '../engine-client/rig.js'

describe('the logs of an app', () => {
  let engine: StandIn
  /** Container -> its log, and what is written to it while it is followed. */
  let logs: Record<string, Buffer>
  let later: Record<string, Buffer>
  let events: ServerResponse | undefined
  let containers: object[]
  /** The log that is cut off while it is followed. */
  let cut = ''
  beforeEach(async () => {
    engine = await standIn()
    ;[logs, later, containers, events, cut] = [{}, {}, [], undefined, '']
    await engine.open((request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      const id = /^\/containers\/(\w+)\/logs/.exec(url.pathname)?.[1]
      if (url.pathname === '/events') {
        events = response
        response.flushHeaders()
      } else if (url.pathname === '/containers/json') response.end(JSON.stringify(containers))
      else if (id === undefined || logs[id] === undefined) refusing(404, 'no such container')(request, response)
      else if (url.searchParams.get('follow') === '1') {
        // what was in that second comes again, and then what is new
        response.write(Buffer.concat([logs[id], later[id] ?? Buffer.alloc(0)]), () => id === cut && response.destroy())
      } else response.end(logs[id])
    })
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const app = { id: 'a', name: 'blog', createdAt: '', deployBranch: null, current: 1 }
  const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`
  const line = (second: number, text: string) => frame('stdout', `${at(second)} ${text}\n`)
  const container = (id: string, process: string, State = 'running') => ({
    Id: id,
    Created: 1,
    State,
    Labels: { [label.app]: 'a', [label.process]: process, [label.type]: process.split('.')[0], [label.instance]: 'i' },
    NetworkSettings: { Networks: {} },
  })
  const read = (query: Partial<LogQuery>): AsyncGenerator<LogLine> =>
    readLogs({ config: { name: 'i' } as Config, engine: connectEngine(engine) }, app, {
      lines: 100,
      process: null,
      follow: false,
      signal: new AbortController().signal,
      ...query,
    })
  const told = async (query: Partial<LogQuery>) =>
    (await Array.fromAsync(read(query))).map(({ process, text }) => `${process} ${text}`)

  it('are in the order of their times, over all processes, the last of them', async () => {
    containers = [container('1', 'web.1'), container('2', 'web.2', 'exited'), container('3', 'worker.1')]
    logs = {
      1: Buffer.concat([line(1, 'a'), line(4, 'd')]),
      2: Buffer.concat([line(2, 'b'), line(5, 'e')]),
      3: line(3, 'c'),
    }
    expect(await told({})).to.deep.equal(['web.1 a', 'web.2 b', 'worker.1 c', 'web.1 d', 'web.2 e'])
    expect(await told({ lines: 2 })).to.deep.equal(['web.1 d', 'web.2 e'])
    expect(await told({ lines: 0 })).to.deep.equal([])
    expect(await told({ process: 'web' })).to.deep.equal(['web.1 a', 'web.2 b', 'web.1 d', 'web.2 e'])
    expect(await told({ process: 'worker.1' })).to.deep.equal(['worker.1 c'])
  })

  it('are not those of one-offs, nor of what is removed meanwhile', async () => {
    containers = [container('1', 'run.1234'), container('2', 'web.1'), container('gone', 'web.2')]
    logs = { 1: line(1, 'typed'), 2: line(2, 'a') }
    expect(await told({})).to.deep.equal(['web.1 a'])
  })

  it('go on with what is written, by processes that start later too, each line once', async () => {
    containers = [container('1', 'web.1')]
    logs = { 1: Buffer.concat([line(1, 'a'), line(1, 'b')]), 2: line(3, 'of another') }
    later = { 1: line(2, 'c') }
    const stop = new AbortController()
    const seen: string[] = []
    for await (const { process, text } of read({ lines: 1, follow: true, signal: stop.signal })) {
      seen.push(`${process} ${text}`)
      const Attributes = { [label.app]: 'a', [label.process]: 'web.2', [label.type]: 'web' }
      if (text === 'c') events?.write(`${JSON.stringify({ Action: 'start', Actor: { ID: '2', Attributes } })}\n`)
      if (text === 'of another') stop.abort()
    }
    expect(seen).to.deep.equal(['web.1 b', 'web.1 c', 'web.2 of another'])
  })

  it('have lines that are kept elsewhere among them, and end with why those cannot be read on', async () => {
    containers = [container('1', 'web.1')]
    logs = { 1: Buffer.concat([line(1, 'a'), line(3, 'c')]) }
    const notice = (second: number, text: string): LogLine => ({
      ...{ time: at(second), source: 'berth', process: 'web.1', text },
    })
    let opened = false
    const source: LogSource = {
      open: () => Promise.resolve(void (opened = true)),
      tail: () => Promise.resolve([notice(2, 'b')]),
      follow: async function* () {
        yield await Promise.resolve(notice(4, 'd'))
        throw new Error('Redis is away')
      },
    }
    expect(await told({ beside: [source, source] })).to.deep.equal(['web.1 a', 'web.1 b', 'web.1 b', 'web.1 c'])
    expect(opened).to.equal(false)
    const seen: string[] = []
    const follow = async (): Promise<void> => {
      for await (const { text } of read({ follow: true, beside: [source] })) seen.push(text)
    }
    const failure = await follow().catch((error: unknown) => error)
    expect(String(failure)).to.include('Redis is away')
    expect([opened, ...seen]).to.include.members([true, 'a', 'b', 'c', 'd'])
  })

  it('go on when that of one process is cut off', async () => {
    containers = [container('1', 'web.1'), container('2', 'web.2')]
    logs = { 1: line(1, 'a'), 2: line(2, 'b'), 4: line(4, 'last') }
    later = { 1: line(3, 'before it was cut off') }
    cut = '1'
    const stop = new AbortController()
    const seen: string[] = []
    for await (const { text } of read({ follow: true, signal: stop.signal })) {
      seen.push(text)
      const Attributes = { [label.app]: 'a', [label.process]: 'web.4', [label.type]: 'web' }
      if (text.startsWith('before'))
        events?.write(`${JSON.stringify({ Action: 'start', Actor: { ID: '4', Attributes } })}\n`)
      if (text === 'last') stop.abort()
    }
    expect(seen).to.deep.equal(['a', 'b', 'before it was cut off', 'last'])
  })

  it('end with the signal, though nothing is ever written', async () => {
    const stop = new AbortController()
    const next = read({ follow: true, signal: stop.signal }).next()
    while (events === undefined) await new Promise((resolve) => setImmediate(resolve))
    stop.abort()
    expect(await next).to.deep.equal({ done: true, value: undefined })
  })
})
