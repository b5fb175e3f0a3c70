import { expect } from 'chai'
import { EngineConnection } from '../../src/engine-client/connection.js'
import { exitOf, type EndingLook } from '../../src/engine-client/exit.js'
import { failure, refusing, standIn, type StandIn } from './rig.js'

describe('how a container ended', () => {
  let engine: StandIn
  beforeEach(async () => {
    engine = await standIn()
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const never = new AbortController().signal
  const state = (Status: string, ExitCode = 0) => ({ State: { Running: Status === 'running', Status, ExitCode } })
  /** Looks that show one state after the other, the last of them for ever. */
  const looks = (...states: (ReturnType<typeof state> | null)[]): EndingLook => {
    let at = 0
    return () => Promise.resolve(states[Math.min(at++, states.length - 1)] ?? null)
  }
  const exit = (look: EndingLook, signal = never) =>
    exitOf(new EngineConnection(engine.engineSocket), look, 'a', signal)
  const unseen: EndingLook = () => Promise.reject(new Error('nobody had to look'))

  it('is what the engine tells, when it ends', async () => {
    let asked = ''
    await engine.open((request, response) => {
      asked = `${request.method ?? ''} ${request.url ?? ''}`
      response.write('{"Status')
      setImmediate(() => response.end('Code":137}'))
    })
    expect(await exit(unseen)).to.equal(137)
    expect(asked).to.match(/^POST \/containers\/a\/wait\?condition=not-running/)
  })

  it('is 0 when the engine says 0', async () => {
    await engine.open((_, response) => response.end('{"StatusCode":0}'))
    expect(await exit(unseen)).to.equal(0)
  })

  it('is asked again when the answer stops half-way, and looked for', async () => {
    let asked = 0
    await engine.open((_, response) => {
      if ((asked += 1) === 1) response.write('{"Stat', () => response.destroy())
      else response.end('{"StatusCode":7}')
    })
    expect(await exit(looks(state('running')))).to.equal(7)
    asked = 0
    expect(await exit(looks(state('exited', 9)))).to.equal(9)
    expect(asked).to.equal(1)
  })

  it('is not that of one that has not started yet', async () => {
    let asked = 0
    await engine.open((request, response) => {
      asked += 1
      if (asked === 1) refusing(500, 'not yet')(request, response)
      else response.end('{"StatusCode":3}')
    })
    expect(await exit(looks(state('created')))).to.equal(3)
  })

  it('is not known of one that was removed, nor of an engine that stays away', async () => {
    await engine.open(refusing(404, 'no such container'))
    expect(await failure(exit(looks(null)))).to.include({ message: 'its container was removed' })
    await engine.close()
    expect(await failure(exit(() => Promise.reject(new Error('away'))))).to.include({ message: 'away' })
  })

  it('is not waited for after the signal', async () => {
    const stop = new AbortController()
    await engine.open(() => stop.abort(new Error('the client left')))
    expect(await failure(exit(unseen, stop.signal))).to.include({ message: 'the client left' })
    expect(await failure(exit(unseen, stop.signal))).to.include({ message: 'the client left' })
  })
})
