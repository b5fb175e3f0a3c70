import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { layerArchive } from '../../../src/engine/images/compress.js'
import { verifyLayer } from '../../../src/engine/images/verify.js'
import { archive, openStore, temporary } from './lab.js'

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** In small pieces, so that headers and contents are cut anywhere. */
const streamOf = (bytes: Buffer, piece = 1000): Readable =>
  Readable.from(
    (function* () {
      for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
    })(),
  )

describe('a layer from elsewhere', () => {
  for (const format of ['gnu', 'pax', 'ustar'])
    it(`keeps its diff id, and its archive can be made again: ${format}`, async () => {
      using lab = temporary()
      const root = join(lab.path, 'source')
      mkdirSync(join(root, 'd'), { recursive: true })
      for (const [name, size] of Object.entries({ 'd/a': 1, 'd/b': 511, c: 512, empty: 0, big: 1_500_000, 'd/é': 3 }))
        writeFileSync(join(root, name), 'x'.repeat(size))
      execFileSync('sh', ['-c', 'ln c d/link; ln -s c l; mkfifo f; echo > .wh.gone'], { cwd: root })
      // GNU tar fills its last record with zeros beyond the two empty blocks
      const bytes = execFileSync('tar', ['-C', root, `--format=${format}`, '-cf', '-', '.'], { maxBuffer: 1e8 })
      await using store = await openStore(join(lab.path, 'store'))
      await using stage = await store.layers.draft()
      const sum = await store.layers.adopt(stage, streamOf(bytes), digestOf(bytes))
      expect(sum).to.deep.equal({
        diffId: digestOf(bytes),
        size: 1 + 511 + 512 + 1_500_000 + 3,
        hasPrivilegedFiles: false,
      })
      const again = [...layerArchive(await store.layers.source(sum.diffId))].map((chunk) => Buffer.from(chunk))
      expect(Buffer.concat(again).equals(bytes)).to.equal(true)
      const target = join(lab.path, 'pressed')
      const pressed = await store.layers.compress(sum.diffId, target)
      expect(gunzipSync(readFileSync(target)).equals(bytes)).to.equal(true)
      expect(pressed).to.deep.equal({
        diffId: sum.diffId,
        digest: digestOf(readFileSync(target)),
        size: readFileSync(target).length,
      })
      expect(await store.layers.compress(sum.diffId, `${target}2`)).to.deep.equal(pressed)
    })

  it('is whole where its archive names files by a way back', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    await using stage = await store.layers.draft()
    const bytes = archive([
      { name: 'a/deep/file', content: 'deep' },
      { name: 'way', type: 'symlink', linkname: 'a/deep' },
      { name: 'way/../back', content: 'not where the link leads' },
      { name: 'way/../hard', type: 'link', linkname: 'way/../back' },
    ])
    const { diffId, size } = await store.layers.adopt(stage, streamOf(bytes), digestOf(bytes))
    const source = await store.layers.source(diffId)
    expect(verifyLayer({ ...source, diffId, size })).to.deep.equal([])
    expect(readFileSync(join(source.directory, 'hard'), 'utf8')).to.equal('not where the link leads')
  })

  it('is refused when it is another, and leaves nothing', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    {
      await using stage = await store.layers.draft()
      const wrong = await store.layers
        .adopt(stage, streamOf(archive([{ name: 'a', content: 'A' }])), `sha256:${'0'.repeat(64)}`)
        .catch((error: unknown) => error)
      expect(String(wrong)).to.include('layers from manifest')
    }
    expect(readdirSync(join(lab.path, 'images', 'layers'))).to.deep.equal([])
    expect(readdirSync(join(lab.path, 'images', 'staging'))).to.deep.equal([])
  })

  it('is refused when its archive could not be made again', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    for (const entries of [
      [
        { name: 'a', content: 'A' },
        { name: 'a', content: 'B' },
      ],
      [{ name: 'a', content: 'A' }, { name: '.wh.a' }],
    ]) {
      await using stage = await store.layers.draft()
      const error = await store.layers.adopt(stage, streamOf(archive(entries))).catch((error: unknown) => error)
      expect(String(error)).to.include('duplicates of file paths')
    }
  })

  it('goes with its recipe', async () => {
    using lab = temporary()
    await using store = await openStore(lab.path)
    await using stage = await store.layers.draft()
    const { diffId } = await store.layers.adopt(stage, streamOf(archive([{ name: 'a', content: 'A' }])))
    store.layers.release(diffId)
    const recipe = join(lab.path, 'images', 'layers', `${diffId.slice(7)}.recipe`)
    await store.layers.sweep(new Set([diffId]))
    expect(existsSync(recipe)).to.equal(true)
    await store.layers.sweep(new Set())
    expect(readdirSync(join(lab.path, 'images', 'layers'))).to.deep.equal([])
  })
})
