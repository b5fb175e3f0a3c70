import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { all, failure, refusing, setStandIn } from './rig.js'

describe('the containers of an engine', () => {
  const at = setStandIn()

  /** What was asked, each request answered with `body`. */
  const listening = async (body = '', status = 200) => {
    const seen: { asked: string; body: string }[] = []
    await at.engine.open((request, response) => {
      void text(request).then((sent) => {
        seen.push({ asked: `${request.method ?? ''} ${request.url ?? ''}`, body: sent })
        response.writeHead(status).end(body)
      })
    })
    return seen
  }

  it('are made without a word of their config vars in the address', async () => {
    const seen = await listening('{"Id":"a"}', 201)
    const options = {
      name: 'berth-x.web.1',
      platform: 'linux/arm64',
      Image: 'i',
      Env: ['TOKEN=s3cret'],
      HostConfig: { Annotations: {} },
    }
    expect(await at.client.containers.create(options)).to.equal('a')
    expect(seen[0]?.asked).to.equal('POST /containers/create?name=berth-x.web.1&platform=linux%2Farm64')
    expect(JSON.parse(seen[0]?.body ?? '')).to.deep.equal({
      Image: 'i',
      Env: ['TOKEN=s3cret'],
      HostConfig: { Annotations: {} },
    })
  })

  it('show what lies in them, and null where nothing does', async () => {
    const seen = await listening('an archive')
    const archive = await at.client.containers.get('a', '/etc/x y')
    expect(archive === null ? null : await text(archive)).to.equal('an archive')
    expect(seen[0]?.asked).to.equal('GET /containers/a/archive?path=%2Fetc%2Fx%20y')
    await at.engine.close()
    await at.engine.open(refusing(404, 'no such file'))
    expect(await at.client.containers.get('a', '/none')).to.equal(null)
  })

  it('are taken for our own when the answer to their creation was lost', async () => {
    const seen: string[] = []
    await at.engine.open((request, response) => {
      seen.push(`${request.method ?? ''} ${request.url ?? ''}`)
      if (seen.length === 1) request.socket.destroy()
      else if (request.method === 'POST') refusing(409, 'the name is taken')(request, response)
      else response.end('{"Id":"mine"}')
    })
    const options = { name: 'x', Image: 'i', HostConfig: { Annotations: {} } }
    expect(await at.client.waiting(5_000).containers.create(options)).to.equal('mine')
    expect(seen).to.deep.equal([
      'POST /containers/create?name=x',
      'POST /containers/create?name=x',
      'GET /containers/x/json',
    ])
    expect(await failure(at.client.containers.create(options))).to.include({ statusCode: 409 })
  })

  it('may be stopped, or gone, or removed by another, already', async () => {
    await at.engine.open(refusing(404, 'no such container'))
    await at.client.containers.stop('a', 1)
    expect(await at.client.containers.remove('a')).to.equal(true)
    expect(await at.client.containers.inspect('a')).to.equal(null)
    expect(await failure(at.client.containers.kill('a', 'SIGINT'))).to.include({ statusCode: 404 })
    await at.engine.close()
    await at.engine.open((_, response) => response.writeHead(304).end())
    await at.client.containers.start('a')
    await at.client.containers.stop('a', 1)
    await at.engine.close()
    await at.engine.open(refusing(409, 'removal is in progress'))
    expect(await at.client.containers.remove('a')).to.equal(false)
    await at.engine.close()
    await at.engine.open(refusing(500, 'the disk is full'))
    expect(await failure(at.client.containers.remove('a'))).to.include({ statusCode: 500 })
    expect(await failure(at.client.containers.start('a'))).to.include({ statusCode: 500 })
  })

  it('are listed by all of their labels, dead ones included', async () => {
    const seen = await listening('[]')
    await at.client.containers.list(['berth.app=a&b', 'berth.instance'])
    const asked = new URL(seen[0]?.asked.slice(4) ?? '', 'http://x').searchParams
    expect(asked.get('all')).to.equal('true')
    expect(JSON.parse(asked.get('filters') ?? '')).to.deep.equal({ label: ['berth.app=a&b', 'berth.instance'] })
  })

  it('get what is theirs: a signal, a size, an archive', async () => {
    const seen = await listening()
    await at.client.containers.kill('a', 'SIGINT')
    await at.client.containers.resize('a', 80, 24)
    await at.client.containers.put('a', Buffer.from('\0tar'))
    await at.client.containers.unpause('a')
    expect(seen).to.deep.equal([
      { asked: 'POST /containers/a/kill?signal=SIGINT', body: '{"signal":"SIGINT"}' },
      { asked: 'POST /containers/a/resize?w=80&h=24', body: '{"w":80,"h":24}' },
      { asked: 'PUT /containers/a/archive?path=%2F', body: '\0tar' },
      { asked: 'POST /containers/a/unpause', body: '' },
    ])
  })

  it('have logs with times: all, their end, or what comes', async () => {
    const seen = await listening('x')
    const asked = async (query: object) => {
      expect(String(Buffer.concat(await all(await at.client.containers.log('a', query))))).to.equal('x')
      return Object.fromEntries(new URL(seen.pop()?.asked.slice(4) ?? '', 'http://x').searchParams)
    }
    const base = { stdout: '1', stderr: '1', timestamps: '1' }
    expect(await asked({})).to.deep.equal({ ...base, follow: '0', since: '0', tail: 'all' })
    expect(await asked({ tail: 0 })).to.deep.include({ tail: '0' })
    expect(await asked({ since: 7, follow: true })).to.deep.include({ since: '7', follow: '1' })
  })
})
