import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { all, failure, refusing, setStandIn } from './rig.js'

describe('the images of an engine', () => {
  const at = setStandIn()

  it('are null where there is none, and only there', async () => {
    await at.engine.open(refusing(404, 'no such image'))
    expect(await at.client.images.inspect('a')).to.equal(null)
    expect(await failure(at.client.images.remove('a'))).to.include({ statusCode: 404 })
    await at.engine.close()
    await at.engine.open(refusing(500, 'the disk is full'))
    expect(await failure(at.client.images.inspect('a'))).to.include({ statusCode: 500 })
  })

  it('tell how they are fetched, and why they are not', async () => {
    let url = ''
    await at.engine.open((request, response) => {
      url = request.url ?? ''
      response.write('{"status":"a"}\n')
      setImmediate(() => response.end('{"error":"no such tag"}'))
    })
    expect(await all(at.client.images.pull('host:5000/a/b:c'))).to.deep.equal([
      { status: 'a' },
      { error: 'no such tag' },
    ])
    expect(url).to.match(/^\/images\/create\?fromImage=host%3A5000%2Fa%2Fb(%3A|&tag=)c/)
    await at.engine.close()
    await at.engine.open(refusing(404, 'pull access denied'))
    expect(await failure(all(at.client.images.pull('a')))).to.include({
      message: 'pull access denied',
      statusCode: 404,
    })
  })

  it('are fetched no further when the signal says so, or the engine hangs up', async () => {
    const stop = new AbortController()
    await at.engine.open((request, response) => {
      response.write('{"status":"a"}\n')
      if (request.url?.includes('hangs')) setImmediate(() => request.socket.destroy())
    })
    const seen: unknown[] = []
    const fetched = async (name: string) => {
      for await (const message of at.client.images.pull(name, stop.signal)) {
        seen.push(message)
        if (name === 'stops') stop.abort()
      }
    }
    expect(await failure(fetched('hangs'))).to.be.instanceOf(Error)
    expect(await failure(fetched('stops'))).to.be.instanceOf(Error)
    expect(seen).to.deep.equal([{ status: 'a' }, { status: 'a' }])
  })

  it('go from one engine to another as they are', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251))
    let taken = Buffer.alloc(0)
    await at.engine.open((request, response) => {
      if (request.method === 'GET') response.end(bytes)
      else
        void buffer(request).then((sent) => {
          taken = sent
          response.end('{"stream":"Loaded image: a"}\n')
        })
    })
    const archive = await at.client.images.save('a')
    expect(await all(at.client.images.load(Readable.from(archive)))).to.deep.equal([{ stream: 'Loaded image: a' }])
    expect(taken.equals(bytes)).to.equal(true)
  })
})
