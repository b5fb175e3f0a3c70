import { expect } from 'chai'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encodeHeader, endOfArchive } from '../../src/engine/oci/tar-header.js'
import { base, openEngine, type TestEngine } from '../e2e/engine/harness.js'
import { configuration, mostMemory } from '../e2e/fences/hostile.js'
import { longestTurn, placeIn, watched } from './loop.js'

/** No turn of the engine's loop may take longer, ms on a processor. */
const longest = 100

const header = (name: string, size: number) =>
  encodeHeader({ name: Buffer.from(name), type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 1, size })

describe('the engine’s loop', function () {
  if (process.getuid?.() !== 0) return
  this.timeout(300_000)
  let engine: TestEngine
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-loop-'))
    engine = await openEngine({ env: watched(placeIn(dir)) })
    await make()
    await longestTurn(engine, placeIn(dir))
  })
  after(() => engine[Symbol.asyncDispose]())
  after(() => rm(dir, { recursive: true, force: true }))

  const big = 500 << 20
  const path = (name: string) => join(dir, name)

  /** A file of 500 MB; the same as a layer, an image archive, a context; and a context of 100,000 files. */
  async function make(): Promise<void> {
    const chunk = createHash('shake256', { outputLength: 1 << 20 })
      .update('big')
      .digest()
    const sum = createHash('sha256')
    const layer = function* () {
      yield header('big', big)
      for (let at = 0; at < big; at += chunk.length) yield chunk
      yield endOfArchive
    }
    for (const part of layer()) sum.update(part)
    const config = configuration([], { rootfs: { type: 'layers', diff_ids: [`sha256:${sum.digest('hex')}`] } })
    const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: ['big:1'], Layers: ['layer.tar'] }])
    const small = (name: string, content: string | Buffer) =>
      Buffer.concat([header(name, content.length), Buffer.from(content), Buffer.alloc(512 - (content.length % 512))])
    const write = (name: string, parts: Iterable<Buffer>) =>
      pipeline(Readable.from(parts), createWriteStream(path(name)))
    await write('layer.tar', layer())
    await write(
      'image.tar',
      (function* () {
        yield small('config.json', config)
        yield small('manifest.json', manifest)
        yield header('layer.tar', big + 512 + endOfArchive.length)
        yield* layer()
        yield endOfArchive
      })(),
    )
    await write(
      'context.tar',
      (function* () {
        yield small('Dockerfile', 'FROM scratch\nCOPY big /big\n')
        yield* layer()
      })(),
    )
    await write(
      'many.tar',
      (function* () {
        yield small('Dockerfile', 'FROM scratch\nCOPY . /all\n')
        yield small('.dockerignore', '**/f*9\n!d1/*\n')
        for (let n = 0; n < 100_000; n++) yield small(`d${String(n % 1000)}/f${String(n)}`, 'x')
        yield endOfArchive
      })(),
    )
  }
  const does = async (...words: string[]): Promise<void> => {
    await engine.must(...words)
    await check(words)
  }
  const sends = async (file: string, ...words: string[]): Promise<void> => {
    const child = engine.start(...words)
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    let said = ''
    child.stdout?.on('data', (text: Buffer) => (said += text.toString()))
    child.stderr?.on('data', (text: Buffer) => (said += text.toString()))
    if (child.stdin) await pipeline(createReadStream(path(file)), child.stdin)
    expect(await ended, said).to.equal(0)
    await check(words)
  }
  const check = async (words: readonly string[]): Promise<void> => {
    const { most, delay } = await longestTurn(engine, placeIn(dir))
    if (process.env.BERTH_MEASURE === '1')
      console.log(`${words.join(' ')}: ${most.toFixed(0)} ms, by the clock ${delay.toFixed(0)} ms`)
    expect(most).to.be.lessThan(longest)
  }

  it('is not held up by an image of 500 MB that is loaded', () => sends('image.tar', 'load'))
  it('nor by a root file system of 500 MB that is imported', () => sends('layer.tar', 'import', '-', 'big:2'))
  it('nor by a build from a context of 500 MB', () => sends('context.tar', 'build', '-t', 'big:3', '-'))
  it('nor by one from a context of 100,000 files', () => sends('many.tar', 'build', '-t', 'big:4', '-'))
  it('nor by 100,000 files that are imported', () => sends('many.tar', 'import', '-', 'big:5'))

  it('nor by 100,000 files of a container or a volume that are removed', async () => {
    const write =
      'for d in a b; do mkdir /v/$d /w/$d; cd /v/$d; seq 50000 | xargs touch; cd /w/$d; seq 50000 | xargs touch; done'
    await engine.must('run', '--name', 'many', '-v', 'many:/v', base, 'sh', '-c', `mkdir /w; ${write}`)
    await longestTurn(engine, placeIn(dir))
    await does('rm', 'many')
    await does('volume', 'rm', 'many')
  })

  it('and it has held none of it in memory', () => expect(mostMemory(engine)).to.be.lessThan(500 << 20))
})
