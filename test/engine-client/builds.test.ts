import type { RequestListener } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import type { ImageBuild } from '../../src/engine-client/builds.js'
import { all, failure, refusing, setStandIn } from './rig.js'

describe('the builder of an engine', () => {
  const at = setStandIn()

  for (const [builder, version] of [
    ['here', { Platform: { Name: 'Berth' }, Components: [{ Name: 'containerd' }] }],
    ['buildkit', { Platform: { Name: 'Docker Engine - Community' }, Components: [{ Name: 'containerd' }] }],
    ['plain', { Components: [{ Name: 'Podman Engine' }] }],
    ['plain', {}],
  ] as const)
    it(`is ${builder} by ${JSON.stringify(version)}`, async () => {
      await at.engine.open((_, response) => response.end(JSON.stringify(version)))
      expect(await at.client.builds.builder()).to.equal(builder)
    })

  /** Builds with an engine that answers so; what it was asked. */
  const build = async (request: Partial<ImageBuild>, ...answer: string[]) => {
    let query: Record<string, string> = {}
    let headers: NodeJS.Dict<string | string[]> = {}
    let sent = Buffer.alloc(0)
    const answering: RequestListener = (asked, response) => {
      query = Object.fromEntries(new URL(asked.url ?? '', 'http://x').searchParams)
      headers = asked.headers
      void buffer(asked).then((bytes) => {
        sent = bytes
        response.end(answer.join('\n'))
      })
    }
    // the session that a BuildKit asks its client through: this one asks for nothing
    await at.engine.open(answering, (_, socket) =>
      socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'),
    )
    const whole = { builder: 'plain', tag: 'a:1', dockerfile: 'Dockerfile', ...request } as const
    const told = await all(at.client.builds.build(Readable.from([Buffer.from('\0context')]), whole))
    return { query, headers, sent: sent.toString(), told }
  }

  it('is sent the context, and tells what it does', async () => {
    const labels = { 'berth.app': 'é&=' }
    const { query, sent, told } = await build({ labels }, '{"stream":"Step 1"}', '{"error":"no"}')
    expect(query).to.deep.equal({
      t: 'a:1',
      dockerfile: 'Dockerfile',
      forcerm: 'true',
      labels: JSON.stringify(labels),
    })
    expect([sent, told]).to.deep.equal(['\0context', [{ stream: 'Step 1' }, { error: 'no' }]])
  })

  it('of Berth’s own is told where the context lies, and what it alone understands', async () => {
    const { query, headers } = await build({ builder: 'here', directory: '/a b', headers: { 'x-berth': '1' } })
    expect([query.directory, query.version, headers['x-berth']]).to.deep.equal(['/a b', undefined, '1'])
    expect([query.target, query.buildargs]).to.deep.equal([undefined, undefined])
  })

  it('is told the stage and the build args', async () => {
    const asked = (await build({ builder: 'buildkit', target: 'run', args: { A: 'b=c' }, cacheNamespace: 'x' })).query
    expect(asked.target).to.equal('run')
    expect(JSON.parse(String(asked.buildargs))).to.deep.equal({ A: 'b=c', BUILDKIT_CACHE_MOUNT_NS: 'x' })
  })

  it('of BuildKit keeps one’s caches from another’s, and is read in words', async () => {
    const trace = JSON.stringify({ id: 'moby.buildkit.trace', aux: '' })
    const { query, told } = await build({ builder: 'buildkit', cacheNamespace: 'app' }, trace, '{"stream":"b"}')
    expect([query.version, query.buildargs]).to.deep.equal(['2', '{"BUILDKIT_CACHE_MOUNT_NS":"app"}'])
    expect(told).to.deep.equal([{ id: 'moby.buildkit.trace', aux: '', stream: '' }, { stream: 'b' }])
  })

  it('that will not, or stops half-way, fails the build', async () => {
    const request = { builder: 'plain', tag: 'a', dockerfile: 'D' } as const
    const built = () => failure(all(at.client.builds.build(Readable.from([]), request)))
    await at.engine.open(refusing(400, 'dockerfile parse error on line 1'))
    expect(await built()).to.include({ message: 'dockerfile parse error on line 1', statusCode: 400 })
    await at.engine.close()
    await at.engine.open((asked, response) => response.write('{"stream":"a"}\n', () => asked.socket.destroy()))
    expect(await built()).to.be.instanceOf(Error)
  })

  it('ends with the signal', async () => {
    const stop = new AbortController()
    await at.engine.open(() => stop.abort())
    const request = { builder: 'plain', tag: 'a', dockerfile: 'D' } as const
    expect(await failure(all(at.client.builds.build(Readable.from([]), request, stop.signal)))).to.be.instanceOf(Error)
  })

  it('drops what carries one label, and nothing else', async () => {
    let query = new URLSearchParams()
    await at.engine.open((asked, response) => {
      query = new URL(asked.url ?? '', 'http://x').searchParams
      response.end('{"SpaceReclaimed":7}')
    })
    expect(await at.client.builds.prune('berth.app=a')).to.equal(7)
    expect(JSON.parse(query.get('filters') ?? '')).to.deep.equal({ label: ['berth.app=a'] })
    await at.engine.close()
    await at.engine.open(refusing(500, 'no'))
    expect(await failure(at.client.builds.prune('berth.app=a'))).to.include({ statusCode: 500 })
  })
})
