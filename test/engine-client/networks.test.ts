import { expect } from 'chai'
import { failure, refusing, setStandIn } from './rig.js'

describe('the networks of an engine', () => {
  const at = setStandIn()

  /** Answers `inspect` and `create`; what was asked. */
  const answering = async (inspect: [number, string], create: [number, string]) => {
    const seen: string[] = []
    await at.engine.open((request, response) => {
      seen.push(request.method ?? '')
      const [status, body] = request.method === 'GET' ? inspect : create
      if (status >= 400) refusing(status, body)(request, response)
      else response.writeHead(status).end(body)
    })
    return seen
  }

  it('are made where there is none of the name, and only there', async () => {
    const seen = await answering([404, 'no such network'], [201, '{"Id":"n"}'])
    await at.client.networks.ensure('berth-a', { x: 'y' })
    expect(seen).to.deep.equal(['GET', 'POST'])
    await at.engine.close()
    const again = await answering([200, '{"Id":"n"}'], [500, 'nobody asked'])
    await at.client.networks.ensure('berth-a', {})
    expect(again).to.deep.equal(['GET'])
  })

  it('may be made by another at the same time', async () => {
    await answering([404, 'no such network'], [409, 'network with name berth-a already exists'])
    await at.client.networks.ensure('berth-a', {})
  })

  it('are not there when the engine says that it cannot make one', async () => {
    await answering([404, 'no such network'], [500, 'no address is left'])
    expect(await failure(at.client.networks.ensure('berth-a', {}))).to.include({ message: 'no address is left' })
  })

  it('are not taken for missing when the engine cannot look', async () => {
    const seen = await answering([500, 'the disk is full'], [201, '{}'])
    expect(await failure(at.client.networks.ensure('berth-a', {}))).to.include({ statusCode: 500 })
    expect(seen).to.deep.equal(['GET'])
  })

  it('may be gone when they are removed, and not when somebody is to be put on them', async () => {
    await at.engine.open(refusing(404, 'no such network'))
    await at.client.networks.remove('berth-a')
    expect(await failure(at.client.networks.connect('berth-a', 'c', ['web']))).to.include({ statusCode: 404 })
    await at.engine.close()
    await at.engine.open(refusing(403, 'network has active endpoints'))
    expect(await failure(at.client.networks.remove('berth-a'))).to.include({ statusCode: 403 })
  })
})
