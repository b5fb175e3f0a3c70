import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { writeDurably } from '../../../src/engine/system/durable.js'

describe('writing durably', () => {
  let directory: string
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'berth-durable-'))))
  afterEach(() => rm(directory, { recursive: true }))

  it('leaves the file and nothing else, for the owner alone', async () => {
    await writeDurably(join(directory, 'a.json'), '{}')
    await writeDurably(join(directory, 'a.json'), '{"b":1}')
    expect(await readdir(directory)).to.deep.equal(['a.json'])
    expect(await readFile(join(directory, 'a.json'), 'utf8')).to.equal('{"b":1}')
    expect((await stat(join(directory, 'a.json'))).mode & 0o777).to.equal(0o600)
  })

  it('many at once end in one of them, whole', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(1000))
    await Promise.all(texts.map((text) => writeDurably(join(directory, 'a'), text)))
    expect(texts).to.include(await readFile(join(directory, 'a'), 'utf8'))
    expect(await readdir(directory)).to.deep.equal(['a'])
  })

  it('leaves no draft when it fails', async () => {
    await mkdir(join(directory, 'taken'))
    const error = await writeDurably(join(directory, 'taken'), 'x').catch((thrown: unknown) => thrown)
    expect(error).to.be.an('error')
    expect(await readdir(directory)).to.deep.equal(['taken'])
  })
})
