import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { baseImage } from '../../../src/engine/build/base-image.js'
import type { ImageStore } from '../../../src/engine/images/store.js'
import { media } from '../../../src/engine/oci/manifest.js'
import { Registry } from '../../../src/engine/registry/registry.js'
import { sha256 } from '../../e2e/engine/registry-lab.js'
import { archive, config, openStore, temporary } from '../images/lab.js'

/** An image of one file, and the requests for it that are answered. */
function imageOf(content: string) {
  const tar = archive([{ name: 'file', content }])
  const layer = gzipSync(tar)
  const rootfs = { type: 'layers', diff_ids: [sha256(tar)] }
  const document = Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs }))
  const described = (bytes: Buffer) => ({ digest: sha256(bytes), size: bytes.length })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: media.config, ...described(document) },
      layers: [{ mediaType: media.layer, ...described(layer) }],
    }),
  )
  return { id: sha256(document), manifest, blobs: new Map([document, layer].map((one) => [sha256(one), one])) }
}

describe('the image that a build begins with', () => {
  const [old, moved] = [imageOf('old'), imageOf('moved')]
  let [served, status, asked] = [old, 200, 0]
  let server: Server
  let store: ImageStore
  let registry: Registry
  let name: string
  const lab = temporary()

  beforeEach(async () => {
    ;[served, status, asked] = [old, 200, 0]
    server = createServer(({ url = '' }, answer) => {
      asked += 1
      if (url === '/v2/') return answer.end()
      if (status !== 200) return answer.writeHead(status).end()
      const found = url.includes('/manifests/') ? served.manifest : served.blobs.get(url.split('/').at(-1) ?? '')
      return found ? answer.end(found) : answer.writeHead(404).end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    name = `127.0.0.1:${(server.address() as AddressInfo).port}/x:1`
    store = await openStore(temporary(lab.path).path)
    registry = new Registry(config(lab.path), store)
  })
  afterEach(async () => {
    await hangUp()
    await store[Symbol.asyncDispose]()
  })
  after(() => lab[Symbol.dispose]())

  async function hangUp(): Promise<void> {
    if (!server.listening) return
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }

  /** The image's id, or why there is none, and what the pusher is told of it. */
  async function begin(pull: boolean | 'if-reached', text = name) {
    const warnings: string[] = []
    const out = (line: string) => {
      if (line.startsWith('WARNING')) warnings.push(line)
    }
    const request = { owner: undefined, pull, sandbox: undefined as never, out }
    const answer = await baseImage({ images: store, registry }, request, text, new AbortController().signal).then(
      ({ id }) => id,
      (error: unknown) => (error as Error).message,
    )
    return { answer, warnings }
  }
  /** Builds, as it were, an image of that name on this machine. */
  async function makeHere(): Promise<string> {
    const document = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }
    return (await store.persist(Buffer.from(JSON.stringify(document)), [name])).id
  }

  it('is the one that is here, and nobody is asked, unless it is to be pulled', async () => {
    expect(await begin(false)).to.deep.equal({ answer: old.id, warnings: [] })
    ;[served, asked] = [moved, 0]
    expect(await begin(false)).to.deep.equal({ answer: old.id, warnings: [] })
    expect(asked).to.equal(0)
    expect(await begin('if-reached')).to.deep.equal({ answer: moved.id, warnings: [] })
    expect(await begin(false)).to.deep.equal({ answer: moved.id, warnings: [] })
  })

  it('is the one that is here, with a word, where its registry is not reached', async () => {
    await begin(false)
    await hangUp()
    const { answer, warnings } = await begin('if-reached')
    expect(answer).to.equal(old.id)
    expect(warnings.join()).to.match(/^WARNING: \S+\/x:1 is used as it is here: .*connection refused\n$/)
    expect((await begin(true)).answer).to.match(/connection refused/)
    expect((await begin('if-reached', name.replace('x:1', 'y:1'))).answer).to.match(/connection refused/)
  })

  it('is not what its registry gave once and does not give any more', async () => {
    await begin(false)
    for (const [says, why] of [
      [404, /not found/],
      [401, /unauthorized/],
      [403, /denied/],
    ] as const) {
      status = says
      const { answer, warnings } = await begin('if-reached')
      expect(answer).to.match(why)
      expect(warnings).to.deep.equal([])
    }
  })

  it('is the one that was made here, with a word, where its registry does not have it', async () => {
    const id = await makeHere()
    for (const says of [404, 401, 403]) {
      status = says
      const { answer, warnings } = await begin('if-reached')
      expect(answer).to.equal(id)
      expect(warnings).to.have.lengthOf(1)
    }
    expect((await begin(true)).answer).to.match(/denied/)
    status = 200
    expect((await begin('if-reached')).answer).to.equal(old.id)
  })

  it('is not asked for again by its digest or id', async () => {
    await begin(false)
    asked = 0
    for (const pinned of [`${name.replace(/:1$/, '')}@${sha256(old.manifest)}`, old.id])
      expect(await begin('if-reached', pinned)).to.deep.equal({ answer: old.id, warnings: [] })
    expect(asked).to.equal(0)
  })
})
