import { expect } from 'chai'
import { readdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { wrongIn } from '../engine/check-lab.js'
import { patience } from '../../patience.js'
import { openEngine, type TestEngine } from '../engine/harness.js'
import { listen, type Place } from '../engine/registry-lab.js'
import { configuration, mostMemory, sha256, slowestAnswer, watchOutside } from './hostile.js'

/** Answers a request in a way of its own; false leaves it to the registry, which is honest. */
export type Odd = (path: string, to: ServerResponse, from: IncomingMessage) => boolean

/** What a registry has under every name and tag. */
export interface Goods {
  readonly manifest: Buffer
  readonly blobs: ReadonlyMap<string, Buffer>
}

export const digest = (bytes: Buffer | string): string => `sha256:${sha256(bytes)}`

const types = {
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

export const descriptor = (bytes: Buffer, mediaType: string = types.layer) => ({
  mediaType,
  digest: digest(bytes),
  size: bytes.length,
})

/** The layers of an image as they travel. */
export const layerOf = (content: string): Buffer => archive([{ name: 'f', content }])

/** An image, well made but for what is said otherwise. `layers` are what the manifest names, `plain` their archives. */
export function goodsOf({
  plain = [layerOf('x')],
  layers = plain.map((one) => gzipSync(one)),
  config = configuration(plain),
  over = {},
}: {
  plain?: readonly Buffer[]
  layers?: readonly Buffer[]
  config?: Buffer
  over?: object
} = {}): Goods {
  const manifest = {
    schemaVersion: 2,
    config: descriptor(config, types.config),
    layers: layers.map((layer) => descriptor(layer)),
    ...over,
  }
  return {
    manifest: Buffer.from(JSON.stringify(manifest)),
    blobs: new Map([config, ...layers].map((blob) => [digest(blob), blob])),
  }
}

/** An index of one manifest for this machine. */
export const indexOf = (inside: Buffer, over: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        {
          ...descriptor(inside, 'application/vnd.oci.image.index.v1+json'),
          platform: { os: 'linux', architecture: 'amd64' },
          ...over,
        },
      ],
    }),
  )

/** Serves on loopback what is asked for last, oddly. */
export async function openHostile(): Promise<Place & { serve(goods: Goods, odd?: Odd): void }> {
  let served = goodsOf()
  let strange: Odd = () => false
  const place = await listen((from, to) => {
    to.on('error', () => undefined)
    const path = from.url ?? ''
    if (strange(path, to, from)) return
    if (path === '/v2/') to.end('{}')
    else if (path.includes('/manifests/')) to.end(served.manifest)
    else {
      const blob = served.blobs.get(path.replace(/.*\//, ''))
      if (blob) to.end(blob)
      else to.writeHead(404).end()
    }
  })
  return {
    ...place,
    serve: (goods, odd = () => false) => {
      served = goods
      strange = odd
    },
  }
}

/** Answers with bytes of its own, as they are. */
export const raw = (to: ServerResponse, bytes: string): boolean => to.socket?.end(bytes) !== undefined

/** Writes for as long as the other side reads, or until so many bytes are written. @returns how many were */
export function endless(to: ServerResponse, chunk: Buffer, most = Infinity): { bytes: number } {
  const sent = { bytes: 0 }
  const more = (): void => {
    while (!to.destroyed && sent.bytes < most) {
      sent.bytes += chunk.length
      if (!to.write(chunk)) return
    }
    if (!to.destroyed) to.end()
  }
  to.on('drain', more)
  more()
  return sent
}

/** An engine, and a registry that is after it. */
export interface RegistryLab extends AsyncDisposable {
  readonly engine: TestEngine
  readonly registry: Awaited<ReturnType<typeof openHostile>>
  /** A pull fails in words that name neither a bug nor a path of the host; others are answered, and nothing is kept. */
  refuses(words: RegExp, goods: Goods, odd?: Odd, ...flags: string[]): Promise<void>
}

/** What a terminal obeys, but for the end of a line. */
// eslint-disable-next-line no-control-regex -- as above
export const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/

/** What is a bug's own words. */
const bugs = /TypeError|RangeError|SyntaxError|undefined|Unexpected token|Invalid URL|call stack|http:\/\/registry/

/** Disposing looks at what the engine has grown to and keeps, and whether all is as it was and it works. */
export async function openRegistryLab(): Promise<RegistryLab> {
  const engine = await openEngine({ disk: '500m' })
  const registry = await openHostile()
  const name = `${registry.host}/hostile`
  // what is there once an honest image was pulled
  await engine.must('pull', '-q', name)
  await engine.must('rmi', name)
  await writeFile(join(engine.dir, 'config.json'), '{}')
  const outside = await watchOutside(engine)
  // its disk is one that only the engine sees
  const seen = { dir: `/proc/${String(engine.pid())}/root${engine.dir}` }
  const memory = mostMemory(engine)
  return {
    engine,
    registry,
    refuses: async (words, goods, odd, ...flags) => {
      registry.serve(goods, odd)
      const asked = engine.docker('pull', ...flags, name)
      const slowest = await slowestAnswer(engine, asked)
      const { code, stdout, stderr } = await asked
      expect(code, stdout).to.equal(1)
      expect(stderr).to.match(words).and.not.to.match(bugs).and.not.to.include(engine.dir)
      expect(stderr.trim()).to.not.match(obeyed)
      expect(stderr.length).to.be.lessThan(3_000)
      expect(slowest).to.be.lessThan(2_000 * patience)
      expect(await engine.must('images', '-q', '-a', name)).to.equal('')
      expect(await readdir(join(seen.dir, 'root/images/staging')), 'left behind').to.deep.equal([])
    },
    [Symbol.asyncDispose]: async () => {
      const grown = mostMemory(engine) - memory
      const wrong = await wrongIn(seen)
      await outside.untouched()
      await registry[Symbol.asyncDispose]()
      await outside[Symbol.asyncDispose]()
      await engine[Symbol.asyncDispose]()
      expect(wrong).to.deep.equal([])
      expect(grown).to.be.lessThan(200 << 20)
    },
  }
}
