import { expect } from 'chai'
import { lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { memoriesOf, SourceCaches } from '../../../src/engine/build/sources.js'
import { temporary } from '../images/lab.js'

describe('what the build cache has beside layers', () => {
  const put = (path: string): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, 'x'.repeat(5000))
  }

  it('is base archives below the engine’s root and what is known of directories, by the blocks they take', async () => {
    using lab = temporary()
    const config = { root: lab.path, cache: join(lab.path, 'cache') }
    put(join(config.cache, 'debian.tar'))
    put(join(config.cache, 'debian.tar.part'))
    put(join(memoriesOf(config), '64-1234'))
    put(join(memoriesOf(config), '64-1234.1.tmp')) // one being written
    const sources = new SourceCaches(config)
    const items = await sources.items()
    expect(items.map(({ id, description, type }) => ({ id, description, type }))).to.deep.equal([
      { id: 'debian.tar', description: 'files of the base image debian', type: 'source.local' },
      { id: '64-1234', description: 'digests of the directory with inode 1234', type: 'source.local' },
    ])
    expect(items[0]?.size).to.equal(lstatSync(join(config.cache, 'debian.tar')).blocks * 512)
    for (const { id } of items) expect(await sources.remove(id)).to.equal(true)
    expect(readdirSync(config.cache)).to.deep.equal(['debian.tar.part'])
    expect(readdirSync(memoriesOf(config))).to.deep.equal(['64-1234.1.tmp'])
  })

  it('is not what several engines share, and no path', async () => {
    using lab = temporary()
    const config = { root: join(lab.path, 'root'), cache: join(lab.path, 'cache') }
    put(join(config.cache, 'debian.tar'))
    put(join(lab.path, 'root/build/x.tar'))
    const sources = new SourceCaches(config)
    expect(await sources.items()).to.deep.equal([])
    for (const name of ['debian.tar', '../x.tar', '../1-2']) expect(await sources.remove(name), name).to.equal(false)
    expect(readdirSync(config.cache)).to.deep.equal(['debian.tar'])
  })
})
