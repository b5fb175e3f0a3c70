import { mkdir, mkdtemp, rm, writeFile, link } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { bytesOf } from '../../src/disk/places.js'

describe('bytes below paths', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-disk-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  it('are what the disk has, by path, of names of any kind', async () => {
    const names = ['plain', 'with\nline', 'with\ttab', '-s']
    for (const [at, name] of names.entries()) {
      await mkdir(join(root, name))
      await writeFile(join(root, name, 'file'), Buffer.alloc((at + 1) * 1_000_000, 'x'))
    }
    const found = await bytesOf(names.map((name) => join(root, name)))
    expect(found.size).to.equal(names.length)
    for (const [at, name] of names.entries())
      expect(found.get(join(root, name))).to.be.within((at + 1) * 1_000_000, (at + 1) * 1_000_000 + 16_384)
  })

  it('count a file with two names once, and nothing for what is not there', async () => {
    const [one, two] = [join(root, 'one'), join(root, 'two')]
    for (const path of [one, two]) await mkdir(path)
    await writeFile(join(one, 'file'), Buffer.alloc(1_000_000, 'x'))
    await link(join(one, 'file'), join(two, 'file'))
    const found = await bytesOf([one, two, join(root, 'gone')])
    expect([...found.keys()]).to.deep.equal([one, two])
    expect(found.get(one)).to.be.above(999_999)
    expect(found.get(two)).to.be.below(20_000)
  })

  it('are those of a tree deeper than any path may be long', async () => {
    const { execFileSync } = await import('node:child_process')
    const script =
      'import os,sys\nos.chdir(sys.argv[1])\nfor _ in range(600):\n os.mkdir("d"*20)\n os.chdir("d"*20)\nopen("f","w").write("x"*1000000)'
    await mkdir(join(root, 'deep'))
    execFileSync('python3', ['-c', script, join(root, 'deep')])
    expect((await bytesOf([join(root, 'deep')])).get(join(root, 'deep'))).to.be.above(1_000_000)
    execFileSync('rm', ['-rf', join(root, 'deep')])
  })

  it('are none of no paths', async () => {
    expect((await bytesOf([])).size).to.equal(0)
  })
})
