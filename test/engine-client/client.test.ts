import { expect } from 'chai'
import { EngineRefusal } from '../../src/engine-client/errors.js'
import { failure, refusing, setStandIn } from './rig.js'

describe('the engine client', () => {
  const at = setStandIn()

  it('tells a refusal in the engine’s own words', async () => {
    await at.engine.open(refusing(409, 'the name is taken'))
    const error = await failure(at.client.containers.unpause('a'))
    expect(error).to.be.instanceOf(EngineRefusal).and.include({ statusCode: 409, message: 'the name is taken' })
  })

  it('has null for what is not there, and says so only then', async () => {
    await at.engine.open(refusing(404, 'no such image'))
    expect(await at.client.images.inspect('a')).to.equal(null)
    await at.engine.close()
    await at.engine.open(refusing(500, 'the disk is full'))
    expect(await failure(at.client.images.inspect('a'))).to.include({ statusCode: 500 })
    await at.engine.close()
    expect(await failure(at.client.images.inspect('a'))).to.include({ fault: 'unavailable' })
  })

  it('waits for an engine that is away, as long as it was told to', async () => {
    const patient = at.client.waiting(10_000).info()
    expect(await failure(at.client.info())).to.include({ fault: 'unavailable' })
    await at.engine.open((_, response) => response.end('{"Architecture":"x86_64"}'))
    expect(await patient).to.deep.equal({ Architecture: 'x86_64' })
    expect(await at.client.answers()).to.equal(true)
  })
})
