import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'
import { oracle } from './harness.js'

interface Message {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Record<string, string> }
  readonly time: number
}

describe('events', () => {
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())

  /** Opens the stream and resolves once its headers are here. */
  const follow = async (query: Record<string, string>) => {
    const path = `/events?${new URLSearchParams(query).toString()}`
    const asked = request({ socketPath: lab.socket, path }).end()
    const [reply] = (await once(asked, 'response')) as [IncomingMessage]
    const lines = createInterface({ input: reply })[Symbol.asyncIterator]()
    return {
      reply,
      next: async () => JSON.parse(String((await lines.next()).value)) as Message,
      rest: async () => {
        const all: Message[] = []
        for (let line = await lines.next(); !line.done; line = await lines.next())
          all.push(JSON.parse(line.value) as Message)
        return all
      },
      leave: () => reply.destroy(),
    }
  }
  const seconds = (): string => String(Date.now() / 1000)

  it('send their headers before anything happens, then each event as it does', async () => {
    const stream = await follow({ filters: JSON.stringify({ type: { volume: true } }) })
    expect(stream.reply.statusCode).to.equal(200)
    expect(stream.reply.headers['content-type']).to.equal('application/json')
    await lab.docker('network', 'create', 'n1')
    await lab.docker('volume', 'create', 'v1')
    const event = await stream.next()
    expect(event).to.deep.include({ Type: 'volume', Action: 'create', scope: 'local' })
    expect(event.Actor).to.deep.equal({ ID: 'v1', Attributes: { driver: 'local' } })
    stream.leave()
  })

  it('since a moment are replayed, and end at another', async () => {
    const since = seconds()
    await lab.docker('network', 'create', 'n2')
    await lab.docker('network', 'rm', 'n2')
    const past = await (await follow({ since, until: seconds() })).rest()
    expect(past.map((event) => `${event.Type} ${event.Action} ${String(event.Actor.Attributes.name)}`)).to.deep.equal([
      'network create n2',
      'network destroy n2',
    ])
    expect(await (await follow({ since: seconds(), until: seconds() })).rest()).to.deep.equal([])
    const later = await follow({ since: seconds(), until: String(Date.now() / 1000 + 1) })
    await lab.docker('volume', 'create', 'v2')
    expect((await later.rest()).map((event) => event.Actor.ID)).to.deep.equal(['v2'])
  })

  it('are printed by the docker command', async () => {
    const since = seconds()
    await lab.docker('volume', 'create', 'v3')
    await lab.docker('volume', 'rm', 'v3')
    const { stdout } = await lab.docker('events', '--since', since, '--until', seconds(), '-f', 'volume=v3')
    expect(stdout.trim().split('\n')).to.have.lengthOf(2)
    expect(stdout).to.match(/volume create v3 \(driver=local\)\n.*volume destroy v3 \(driver=local\)/)
  })

  it('refuse a filter or a moment that is none', async () => {
    const unknown = oracle ? [] : [{ filters: '{"colour":["red"]}' }] // dockerd passes over it
    for (const query of [...unknown, { filters: '{' }, { since: 'soon' }]) {
      const { reply, rest } = await follow(query)
      expect(reply.statusCode).to.be.oneOf(oracle ? [400, 500] : [400]) // dockerd 20.10 blames itself for a moment
      expect((await rest())[0]).to.have.property('message')
    }
  })
})

describe('the engine of itself', () => {
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab()))
  after(() => lab[Symbol.asyncDispose]())

  it('answers pings in both methods', async () => {
    for (const method of ['HEAD', 'GET']) {
      const asked = request({ socketPath: lab.socket, path: '/_ping', method }).end()
      const [reply] = (await once(asked, 'response')) as [IncomingMessage]
      expect(reply.headers).to.include({ 'api-version': oracle ? '1.41' : '1.47', ostype: 'linux' })
      if (!oracle) expect(reply.headers).to.include({ 'builder-version': '1' }) // dockerd says it from 23 on
      const body = (await reply.toArray()).join('')
      expect(body).to.equal(method === 'GET' ? 'OK' : '')
    }
  })

  it('says what is true of the machine', async () => {
    const { stdout } = await lab.docker('info', '--format', '{{json .}}')
    const info = JSON.parse(stdout) as Record<string, unknown>
    expect(info).to.include({
      Driver: 'overlay2',
      CgroupDriver: 'cgroupfs',
      Containers: 0,
      DockerRootDir: join(lab.dir, 'root'),
    })
    expect(info.KernelVersion).to.equal(
      (await lab.docker('version', '--format', '{{.Server.KernelVersion}}')).stdout.trim(),
    )
    expect(info.IPv4Forwarding).to.equal(true)
    const { ID } = info
    await lab.restart()
    const again = JSON.parse((await lab.docker('info', '--format', '{{json .}}')).stdout) as Record<string, unknown>
    expect(again.ID).to.equal(ID)
  })
})
