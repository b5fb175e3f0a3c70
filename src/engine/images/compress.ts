import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Digest } from '../records.js'
import { packedLength, packLayer } from './pack.js'
import { replay, replayLength } from './tar-recipe.js'

/** What a layer's archive is made from. */
export interface LayerSource {
  readonly directory: string
  /** Of a layer that came from elsewhere. */
  readonly recipe?: string
}

export interface CompressTask extends LayerSource {
  /** File to write; must not exist. */
  readonly target: string
}

/** A layer as it travels. */
export interface CompressedLayer {
  readonly diffId: Digest
  /** Of the compressed bytes. */
  readonly digest: Digest
  readonly size: number
}

/** A layer's archive, to the byte the one its diff id names. A chunk is valid until the next is asked for. */
export const layerArchive = ({ directory, recipe }: LayerSource): Generator<Buffer> =>
  recipe === undefined ? packLayer(directory) : replay(directory, recipe)

/** Bytes of that archive, told without reading the layer's files. */
export const layerLength = ({ directory, recipe }: LayerSource): number =>
  recipe === undefined ? packedLength(directory) : replayLength(recipe)

/** Compresses a layer's archive into a file. No time and no name goes into the gzip header: equal layers give equal bytes. */
export async function compressLayer({ target, ...source }: CompressTask): Promise<CompressedLayer> {
  const plain = createHash('sha256')
  const packed = createHash('sha256')
  let size = 0
  const archive = function* () {
    for (const chunk of layerArchive(source)) {
      plain.update(chunk)
      yield Buffer.from(chunk) // gzip keeps it while the next is made
    }
  }
  const sum = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      packed.update(chunk)
      size += chunk.length
      done(null, chunk)
    },
  })
  const options = { objectMode: false, highWaterMark: 1 << 20 }
  await pipeline(Readable.from(archive(), options), createGzip(), sum, createWriteStream(target, { flags: 'wx' }))
  return { diffId: `sha256:${plain.digest('hex')}`, digest: `sha256:${packed.digest('hex')}`, size }
}
