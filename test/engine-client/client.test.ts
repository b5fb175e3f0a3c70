import { expect } from 'chai'
import { connectEngine, type EngineClient } from '../../src/engine-client/client.js'
import { EngineRefusal } from '../../src/engine-client/errors.js'
import { failure, refusing, standIn, type StandIn } from './rig.js'

describe('the engine client', () => {
  let engine: StandIn
  let client: EngineClient
  beforeEach(async () => {
    engine = await standIn()
    client = connectEngine(engine)
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  it('tells a refusal in the engine’s own words', async () => {
    await engine.open(refusing(409, 'the name is taken'))
    const error = await failure(client.containers.unpause('a'))
    expect(error).to.be.instanceOf(EngineRefusal).and.include({ statusCode: 409, message: 'the name is taken' })
  })

  it('has null for what is not there, and says so only then', async () => {
    await engine.open(refusing(404, 'no such image'))
    expect(await client.images.inspect('a')).to.equal(null)
    await engine.close()
    await engine.open(refusing(500, 'the disk is full'))
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
})
