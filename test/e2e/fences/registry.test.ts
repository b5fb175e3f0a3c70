import { expect } from 'chai'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { eventually } from '../engine/harness.js'
import { configuration } from './hostile.js'
import {
  descriptor,
  endless,
  type Goods,
  goodsOf,
  indexOf,
  layerOf,
  type Odd,
  openHostile,
  openRegistryLab,
  raw,
  type RegistryLab,
} from './hostile-registry.js'

describe('a registry whose images are hostile', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(120_000)
  let lab: RegistryLab
  before(async () => (lab = await openRegistryLab()))
  after(() => lab[Symbol.asyncDispose]())
  const refuses: RegistryLab['refuses'] = (...args) => lab.refuses(...args)
  const good = goodsOf()
  const [layer = Buffer.alloc(0)] = [...good.blobs.values()].slice(1)
  const isLayer = (path: string) => path.endsWith(descriptor(layer).digest)
  const isManifest = (path: string) => path.includes('/manifests/')
  const asManifest = (manifest: Buffer | object): Goods => ({
    ...good,
    manifest: Buffer.isBuffer(manifest) ? manifest : Buffer.from(JSON.stringify(manifest)),
  })

  describe('with a manifest', () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const withDigest = (digest: unknown) => goodsOf({ over: { layers: [{ ...descriptor(layer), digest }] } })
    const nested = [good.manifest]
    while (nested.length < 8) nested.push(indexOf(nested.at(-1) ?? Buffer.alloc(0)))
    const table: Readonly<Record<string, readonly [goods: () => Goods, words: RegExp, odd?: Odd]>> = {
      'that is no JSON': [() => asManifest(Buffer.from('\x1b[2Jno')), /it is no JSON object/],
      'that is a list': [() => asManifest(Buffer.from('[]')), /neither layers nor manifests/],
      'of the first schema': [() => asManifest({ schemaVersion: 1 }), /schema version 1 is not supported/],
      'of something that is no image': [
        () => goodsOf({ over: { config: { ...descriptor(layer), mediaType: 'application/x\x1b[2J\x9b2J' } } }),
        /it is no image/,
      ],
      'that is both an image and an index': [
        () =>
          asManifest({
            ...(JSON.parse(indexOf(good.manifest).toString()) as object),
            ...(JSON.parse(good.manifest.toString()) as object),
          }),
        /both an image and an index/,
      ],
      'that calls itself another kind': [
        () => goodsOf({ over: { mediaType: 'application/vnd.oci.image.index.v1+json' } }),
        /is not what its media type says/,
      ],
      'nested without end': [() => asManifest(Buffer.from(`{"layers":${deep},"config":${deep}}`)), /invalid manifest/],
      'for a platform nested without end': [
        () => asManifest(Buffer.from(indexOf(good.manifest).toString().replace('"linux"', deep))),
        /no matching manifest/,
      ],
      'for a platform that is none': [
        () => asManifest(indexOf(good.manifest, { platform: { os: { toString: 1 }, architecture: [null] } })),
        /no matching manifest/,
      ],
      'of indexes in indexes': [
        () => ({ manifest: nested.at(-1) ?? Buffer.alloc(0), blobs: new Map() }),
        /too deep or in a loop/,
        (path, to) => {
          const found = nested.find((one) => path.endsWith(descriptor(one).digest))
          return found !== undefined && to.end(found) === to
        },
      ],
      'that is an index of itself': [() => asManifest(indexOf(indexOf(good.manifest))), /manifest verification failed/],
      'of an index longer than it says': [
        () => asManifest(indexOf(good.manifest, { size: 5 })),
        /is not 5 bytes long/,
        (path, to) => path.endsWith(descriptor(good.manifest).digest) && to.end(good.manifest) === to,
      ],
      'of an index larger than any': [
        () => asManifest(indexOf(good.manifest, { size: 1e15 })),
        /is larger than 4194304/,
      ],
      'of 128 layers': [
        () => {
          const plain = Array.from({ length: 128 }, (_, n) => layerOf(String(n)))
          return goodsOf({ plain })
        },
        /max depth exceeded/,
      ],
      'of 10,000 layers': [
        () => goodsOf({ over: { layers: Array<object>(10_000).fill(descriptor(layer)) } }),
        /max depth exceeded/,
      ],
      'of more layers than its configuration has': [
        () => goodsOf({ over: { layers: [descriptor(layer), descriptor(layer)] } }),
        /layers from manifest don't match image configuration/,
      ],
      'whose size is negative': [
        () => goodsOf({ over: { layers: [{ ...descriptor(layer), size: -1 }] } }),
        /no number of bytes/,
      ],
      'whose size is endless': [
        () => asManifest(Buffer.from(good.manifest.toString().replace(/"size":\d+/, '"size":1e999'))),
        /no number of bytes/,
      ],
      'larger than the disk': [
        () => goodsOf({ over: { layers: [{ ...descriptor(layer), size: 2 ** 50 }] } }),
        /no space left on device/,
      ],
      'with a digest of another kind': [() => withDigest(`md5:${'0'.repeat(32)}`), /invalid checksum digest format/],
      'with a digest of a longer kind': [
        () => withDigest(`sha512:${'0'.repeat(128)}`),
        /invalid checksum digest format/,
      ],
      'with a path for a digest': [() => withDigest('sha256:../../../../etc/passwd'), /invalid checksum digest format/],
      'with a path after a digest': [() => withDigest(`${descriptor(layer).digest}/../x`), /invalid checksum digest/],
      'with a list for a digest': [() => withDigest([descriptor(layer).digest]), /invalid checksum digest format/],
      'with a digest that is another’s': [
        () => good,
        /manifest verification failed for digest sha256:evil/,
        (path, to) =>
          isManifest(path) &&
          to
            .writeHead(200, { 'docker-content-digest': `sha256:evil\u009b2J${'x'.repeat(9_000)}` })
            .end(good.manifest) === to,
      ],
      'that has no end': [
        () => good,
        /the manifest is larger than 4194304 bytes/,
        (path, to) => isManifest(path) && endless(to, Buffer.alloc(65536, ' ')).bytes > 0,
      ],
      'in chunks that are garbage': [
        () => good,
        /unexpected EOF/,
        (path, to) => isManifest(path) && raw(to, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n'),
      ],
      'with headers that have no end': [
        () => good,
        /header/i,
        (path, to) => isManifest(path) && raw(to, `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(100_000)}`),
      ],
      'of two lengths': [
        () => good,
        /content-length/i,
        (path, to) =>
          isManifest(path) && raw(to, 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'),
      ],
      'cut off': [
        () => good,
        /EOF/,
        (path, to) => isManifest(path) && raw(to, 'HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n{}'),
      ],
    }
    for (const [what, [goods, words, odd]] of Object.entries(table))
      it(`${what} is refused`, () => refuses(words, goods(), odd))

    it('in a million pieces takes little memory', async () => {
      const pieces = Buffer.from('1\r\n \r\n'.repeat(10_000))
      await refuses(/no JSON object/, good, (path, to) => {
        if (!isManifest(path) || !to.socket) return false
        to.socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        for (let n = 0; n < 100; n++) to.socket.write(pieces)
        return to.socket.end('0\r\n\r\n') === to.socket
      })
    })
  })

  describe('with a configuration', () => {
    const table: Readonly<Record<string, readonly [config: Buffer, words: RegExp]>> = {
      'that is no JSON': [Buffer.from('\x1b[2J'), /it is not JSON/],
      'nested without end': [
        Buffer.from(
          configuration([layerOf('x')])
            .toString()
            .replace('{', `{"more":${'['.repeat(500_000)}${']'.repeat(500_000)},`),
        ),
        /nested too deeply/,
      ],
      'whose types are wrong': [
        configuration([layerOf('x')], { config: { Env: { a: 1 } } }),
        /config.Env is malformed/,
      ],
      'without layers': [configuration([layerOf('x')], { rootfs: 5 }), /no rootfs.diff_ids/],
      'whose layers are paths': [
        configuration([layerOf('x')], { rootfs: { type: 'layers', diff_ids: ['sha256:../../x'] } }),
        /diff id is not a sha256 digest/,
      ],
      'of another system': [
        configuration([layerOf('x')], { os: '\x9b2Jwindows' }),
        /operating system is not supported/,
      ],
      'larger than any': [configuration([layerOf('x')], { more: 'x'.repeat(5_000_000) }), /larger than 4194304 bytes/],
      'of other layers': [configuration([layerOf('y')]), /layers from manifest don't match image configuration/],
    }
    for (const [what, [config, words]] of Object.entries(table))
      it(`${what} is refused`, () => refuses(words, goodsOf({ config })))

    it('that is another’s, or longer than it says, is refused', async () => {
      const { digest } = descriptor(configuration([layerOf('x')]))
      await refuses(/verification failed/, good, (path, to) => path.endsWith(digest) && to.end('{}') === to)
      let sent = { bytes: 0 }
      await refuses(/is larger than/, good, (path, to) => {
        if (!path.endsWith(digest)) return false
        return (sent = endless(to, Buffer.alloc(65536))).bytes > 0
      })
      expect(sent.bytes).to.be.lessThan(20 << 20)
    })
  })

  describe('with a layer', () => {
    it('that is another’s, or none, is refused', async () => {
      await refuses(
        /verification failed/,
        good,
        (path, to) => isLayer(path) && to.end(Buffer.alloc(layer.length)) === to,
      )
      const plain = [layerOf('x')]
      await refuses(/cannot decompress gzip data/, goodsOf({ plain, layers: [gzipSync(layerOf('x')).subarray(0, 60)] }))
      await refuses(
        /unreadable archive|ends in the middle|don't match/,
        goodsOf({ plain, layers: [Buffer.alloc(700, 'x')] }),
      )
    })

    it('longer than it says is read no further than that', async () => {
      let sent = { bytes: 0 }
      await refuses(/is larger than the \d+ bytes its manifest says/, good, (path, to) => {
        if (!isLayer(path)) return false
        return (sent = endless(to, Buffer.alloc(65536))).bytes > 0
      })
      expect(sent.bytes).to.be.lessThan(20 << 20)
    })

    it('cut off, with no more to come, is refused', async () => {
      const head = `content-length: ${String(layer.length)}\r\n\r\nxxxxx`
      await refuses(/unexpected EOF: the registry has 5 bytes of it/, good, (path, to, { headers }) => {
        if (!isLayer(path)) return false
        return headers.range === 'bytes=5-' ? to.writeHead(416).end() === to : raw(to, `HTTP/1.1 200 OK\r\n${head}`)
      })
    })

    it('of a thousand times its size takes no memory, and leaves nothing when it is not what it should be or has no room', async () => {
      const header = (size: number) => gzipSync(archive([{ name: 'zeros', size }]).subarray(0, 512))
      const zeros = gzipSync(Buffer.alloc(64 << 20), { level: 1 })
      // members of a gzip file follow one another
      const bomb = (count: number) =>
        Buffer.concat([header(count << 26), ...Array<Buffer>(count).fill(zeros), gzipSync(Buffer.alloc(1024))])
      await refuses(/don't match image configuration/, goodsOf({ layers: [bomb(3)] }))
      await refuses(/no space left on device/, goodsOf({ layers: [bomb(16)] }))
    })

    it('that stops coming can be given up, holds up no other registry, and not its failure', async () => {
      const plain = Array.from({ length: 5 }, (_, n) => layerOf(`stall ${String(n)}`))
      const layers = plain.map((one) => gzipSync(one))
      let waiting = 0
      const stall: Odd = (path, to) => {
        if (!layers.some((one) => path.endsWith(descriptor(one).digest))) return false
        waiting++
        to.on('close', () => waiting--)
        return to.writeHead(200, { 'content-length': 100 }).write('x')
      }
      lab.registry.serve(goodsOf({ plain, layers }), stall)
      const pull = lab.engine.start('pull', `${lab.registry.host}/hostile`)
      await eventually(() => Promise.resolve(waiting >= 3), 'the stall')
      // the same layers, from a registry that has them
      await using honest = await openHostile()
      honest.serve(goodsOf({ plain, layers }))
      await lab.engine.must('pull', '-q', `${honest.host}/honest`)
      await lab.engine.must('rmi', `${honest.host}/honest`)
      const gone = once(pull, 'exit')
      pull.kill('SIGINT')
      await gone
      await eventually(() => Promise.resolve(waiting === 0), 'the end of the pull')
      const [first = Buffer.alloc(0)] = layers
      const began = performance.now()
      await refuses(/verification failed/, goodsOf({ plain, layers }), (path, to, from) =>
        path.endsWith(descriptor(first).digest) ? to.end(Buffer.alloc(first.length)) === to : stall(path, to, from),
      )
      expect(performance.now() - began).to.be.lessThan(10_000)
    })
  })
})
