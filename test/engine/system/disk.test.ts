import { execFileSync } from 'node:child_process'
import { link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { removeTree } from '../../../src/engine/system/remove.js'
import { makeDeep } from './hostile.js'
import { bytesBelow, fileSystemOf } from '../../../src/engine/system/disk.js'

describe('disk usage', () => {
  let directory: string
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'berth-disk-'))))
  afterEach(() => rm(directory, { recursive: true }))

  it('is what du says: holes, hard links and symbolic links included', async () => {
    await mkdir(join(directory, 'a/b'), { recursive: true })
    await writeFile(join(directory, 'a/big'), Buffer.alloc(300_000, 1))
    await writeFile(join(directory, 'a/b/small'), 'x')
    await link(join(directory, 'a/big'), join(directory, 'a/b/again'))
    await symlink('/usr', join(directory, 'away'))
    execFileSync('truncate', ['--size=10M', join(directory, 'hole')])
    const du = (path: string) => Number(execFileSync('du', ['-s', '-B1', path], { encoding: 'utf8' }).split('\t')[0])
    await mkdir(join(directory, 'empty'))
    const own = du(join(directory, 'empty'))
    expect(await bytesBelow(directory)).to.equal(du(directory) - own)
  })

  it('is what du says of a tree that is deeper than a path can be long', async () => {
    const du = (path: string) => Number(execFileSync('du', ['-s', '-B1', path], { encoding: 'utf8' }).split('\t')[0])
    const own = du(directory)
    makeDeep(directory, 1100, 'name')
    makeDeep(directory, 40, 'n'.repeat(255))
    expect(await bytesBelow(directory)).to.equal(du(directory) - own)
    await removeTree(directory)
    await mkdir(directory)
  })

  it('of what is not there is nothing', async () => expect(await bytesBelow(join(directory, 'gone'))).to.equal(0))

  it('knows the file system', async () => expect(await fileSystemOf('/proc')).to.match(/^0x|^[a-z0-9]+$/))
})
