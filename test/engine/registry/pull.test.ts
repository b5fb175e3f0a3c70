import { expect } from 'chai'
import { readdirSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parseReference } from '../../../src/engine/oci/reference.js'
import { media } from '../../../src/engine/oci/manifest.js'
import { Registry } from '../../../src/engine/registry/registry.js'
import { listen, sha256 } from '../../e2e/engine/registry-lab.js'
import { archive, config, openStore, temporary } from '../images/lab.js'

type Serve = (from: IncomingMessage, to: ServerResponse) => void

// hex of digests: it compresses to half, not to nothing
const noise = Array.from({ length: 5000 }, (_, i) => sha256(String(i)).slice(7)).join('')
const tar = archive([{ name: 'big', content: noise }])
const layer = gzipSync(tar)
const document = Buffer.from(
  JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [sha256(tar)] } }),
)
const manifestOf = (change: object = {}) =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      config: { mediaType: media.config, digest: sha256(document), size: document.length },
      layers: [{ mediaType: media.layer, digest: sha256(layer), size: layer.length, ...change }],
    }),
  )

/** Pulls from a registry that answers well, but for what `odd` answers first; says what came of it. */
async function pull(odd: (from: IncomingMessage, to: ServerResponse) => boolean, manifest = manifestOf()) {
  using lab = temporary()
  await using store = await openStore(lab.path)
  const serve: Serve = (from, to) => {
    if (odd(from, to)) return
    if (from.url?.includes('/manifests/')) to.end(manifest)
    else if (from.url?.endsWith(sha256(layer))) to.end(layer)
    else if (from.url?.endsWith(sha256(document))) to.end(document)
    else to.writeHead(from.url === '/v2/' ? 200 : 404).end()
  }
  await using place = await listen(serve)
  const registry = new Registry(config(lab.path), store)
  const signal = new AbortController().signal
  const outcome = await registry
    .pull(parseReference(`${place.host}/x:1`), 'linux/amd64', { tell: () => undefined, signal })
    .then(
      ({ id }) => id,
      (error: unknown) => (error as Error).message,
    )
  const left = ['layers', 'staging', 'configs'].flatMap((name) => readdirSync(join(lab.path, 'images', name)))
  if (outcome !== sha256(document)) expect(left, 'left behind').to.deep.equal([])
  return outcome
}

const ofLayer = (from: IncomingMessage): boolean => from.url?.endsWith(sha256(layer)) ?? false

describe('pulling from a registry that fails or lies', () => {
  it('goes on where a connection broke, and fetches no byte twice', async () => {
    let sent = 0
    let times = 0
    const outcome = await pull((from, to) => {
      if (!ofLayer(from)) return false
      const at = Number(/bytes=(\d+)-/.exec(from.headers.range ?? '')?.[1] ?? 0)
      const part = layer.subarray(at, ++times < 3 ? at + 50_000 : undefined)
      to.writeHead(at > 0 ? 206 : 200, {
        'content-length': layer.length - at,
        ...(at > 0 ? { 'content-range': `bytes ${at}-${layer.length - 1}/${layer.length}` } : {}),
      })
      sent += part.length
      to.write(part, () => (part.length < layer.length - at ? setImmediate(() => to.destroy()) : to.end()))
      return true
    })
    expect(outcome).to.equal(sha256(document))
    expect(times).to.be.greaterThan(1)
    expect(sent).to.equal(layer.length)
  })

  it('refuses bytes that are not those named, and leaves nothing', async () => {
    const wrong = await pull((from, to) => ofLayer(from) && !!to.end(Buffer.alloc(layer.length)))
    expect(wrong).to.include('filesystem layer verification failed')
    const long = await pull((from, to) => ofLayer(from) && !!to.end(Buffer.concat([layer, Buffer.from('more')])))
    expect(long).to.include('larger than')
    const config = await pull((from, to) => !!from.url?.endsWith(sha256(document)) && !!to.end('{}'))
    expect(config).to.include('verification failed')
  })

  it('refuses hostile manifests', async () => {
    expect(await pull(() => false, manifestOf({ digest: 'sha256:../../../etc/passwd' }))).to.include(
      'invalid checksum digest',
    )
    expect(await pull(() => false, manifestOf({ size: -1 }))).to.include('a size is no number')
    expect(await pull(() => false, Buffer.alloc(5 * 1024 * 1024, ' '))).to.include('larger than 4194304 bytes')
    expect(await pull(() => false, Buffer.from('[]'))).to.include('neither layers nor manifests')
    // a loop would need a manifest that holds its own digest: it is told by the content that comes instead
    const entry = {
      mediaType: media.ociIndex,
      digest: sha256('x'),
      size: 1,
      platform: { os: 'linux', architecture: 'amd64' },
    }
    const loop = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
    expect(await pull(() => false, loop)).to.include('manifest verification failed')
  })

  it('gets a token where it is told to, and says when access is denied', async () => {
    let asked = ''
    const outcome = await pull((from, to) => {
      if (from.url?.startsWith('/token')) {
        asked = from.url
        to.end('{"token":"t0ken","expires_in":300}')
        return true
      }
      if (from.headers.authorization === 'Bearer t0ken') return false
      const realm = `http://${from.headers.host ?? ''}/token`
      to.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="reg"` }).end()
      return true
    })
    expect(outcome).to.equal(sha256(document))
    expect(asked).to.equal('/token?service=reg&scope=repository%3Ax%3Apull')
    const denied = JSON.stringify({
      errors: [{ code: 'DENIED', message: 'requested access to the resource is denied' }],
    })
    const refused = await pull((from, to) => !!from.url?.includes('/manifests/') && !!to.writeHead(403).end(denied))
    expect(refused).to.match(
      /^pull access denied for .*, repository does not exist or may require 'docker login': denied: /,
    )
    const basic = await pull((_, to) => !!to.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end())
    expect(basic).to.include('no basic auth credentials')
  })
})
