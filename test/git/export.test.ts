import { existsSync, lstatSync, readFileSync, readlinkSync, readdirSync, statSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { indexOf, moveTree, treeIdOf } from '../../src/builds/files.js'
import { Disk } from '../../src/git/disk.js'
import { exportTree, quarantineEnv, readCommit, type Export } from '../../src/git/export.js'
import { bareRepository, failure, type BareRepository } from './bare.js'

describe('the tree of a pushed commit', () => {
  let bare: BareRepository
  let tree: Omit<Export, 'commit'>
  beforeEach(async () => {
    bare = await bareRepository()
    tree = {
      repository: bare.path,
      directory: join(bare.dir, 'deploys', '1.src'),
      last: join(bare.dir, 'deploys', 'a.tree'),
      env: {},
      limits: { memory: 2 ** 30, seconds: 60, size: 2 ** 30, tree: 2 ** 20, files: 20 },
      disk: new Disk(bare.dir, 0),
    }
  })
  afterEach(() => bare[Symbol.asyncDispose]())

  const write = async (commit: string, patch: Partial<Export> = {}) => {
    const whole = { ...tree, commit, ...patch }
    await exportTree(whole, await readCommit(whole))
  }
  const read = (name: string) => readFileSync(join(tree.directory, name), 'utf8')

  it('is written byte for byte, programs as programs, links as links wherever they lead', async () => {
    const commit = await bare.commit({
      ' odd\n"name" é': ['100644', '\0\xff\r\n'],
      'run.sh': ['100755', '#!/bin/sh\n'],
      out: ['120000', '../../../etc/passwd'],
      loop: ['120000', 'loop'],
      empty: ['100644', ''],
    })
    await write(commit)
    expect(readdirSync(tree.directory)).to.have.members([' odd\n"name" é', 'run.sh', 'out', 'loop', 'empty'])
    expect(read(' odd\n"name" é')).to.equal('\0\xff\r\n')
    expect([
      statSync(join(tree.directory, 'run.sh')).mode & 0o111,
      statSync(join(tree.directory, 'empty')).size,
    ]).to.deep.equal([0o111, 0])
    expect(readlinkSync(join(tree.directory, 'out'))).to.equal('../../../etc/passwd')
    expect(lstatSync(join(tree.directory, 'loop')).isSymbolicLink()).to.equal(true)
  })

  /** What the deploy before left: its tree, with what it wrote there itself. */
  const deployedBefore = async (files: Parameters<BareRepository['commit']>[0]) => {
    await write(await bare.commit(files))
    await writeFile(join(tree.directory, 'built.js'), 'of the deploy before')
    await moveTree(tree.directory, tree.last)
  }

  it('is made of the one before by what differs, and nothing that was written there stays', async () => {
    await deployedBefore({ same: ['100644', 'same'], gone: ['100644', 'gone'], changed: ['100644', 'old'] })
    const { ino } = statSync(join(tree.last, 'same'))
    await write(await bare.commit({ same: ['100644', 'same'], changed: ['100644', 'new'] }))
    expect(readdirSync(tree.directory).sort()).to.deep.equal(['changed', 'same'])
    expect([read('changed'), statSync(join(tree.directory, 'same')).ino]).to.deep.equal(['new', ino])
    expect(existsSync(tree.last)).to.equal(false)
  })

  it('is the one before, untouched, where that is the same, but for what was written there', async () => {
    const files: Parameters<BareRepository['commit']>[0] = { a: ['100644', 'a'], b: ['100644', 'b'] }
    const same = async () => {
      await moveTree(tree.directory, tree.last)
      await rm(indexOf(tree.last)).then(() => writeFile(indexOf(tree.last), 'not to be read'))
      await write(await bare.commit(files))
      return readFileSync(indexOf(tree.directory), 'utf8')
    }
    await write(await bare.commit(files))
    expect(await same()).to.equal('not to be read')
    await mkdir(join(tree.directory, 'left'))
    expect(await same()).to.match(/^DIRC/)
    expect(readdirSync(tree.directory).sort()).to.deep.equal(['a', 'b'])
    expect(await same()).to.equal('not to be read')
  })

  it('is whole where the one before is the same, but is of before a power cut', async () => {
    const files: Parameters<BareRepository['commit']>[0] = { a: ['100644', 'a'], b: ['100644', 'b'] }
    await write(await bare.commit(files))
    await moveTree(tree.directory, tree.last)
    await writeFile(join(tree.last, 'a'), '')
    const id = readFileSync(treeIdOf(tree.last), 'utf8')
    await writeFile(treeIdOf(tree.last), id.replace(/ .*/s, ` ${randomUUID()}\n`))
    await write(await bare.commit(files))
    expect([read('a'), read('b')]).to.deep.equal(['a', 'b'])
  })

  for (const [what, damage] of [
    ['has no index', () => rm(indexOf(tree.last))],
    ['has a torn index', () => writeFile(indexOf(tree.last), 'DIRC torn')],
    [
      'is a file',
      async () => {
        await rm(tree.last, { recursive: true })
        await writeFile(tree.last, '')
      },
    ],
    [
      'was changed by hand',
      async () => {
        await writeFile(join(tree.last, 'same'), 'changed by hand')
        await rename(join(tree.last, 'dir'), join(tree.last, 'moved')).catch(() => undefined)
      },
    ],
  ] as const)
    it(`is whole where the one before ${what}`, async () => {
      await deployedBefore({ same: ['100644', 'same'], changed: ['100644', 'old'] })
      await damage()
      await write(await bare.commit({ same: ['100644', 'same'], changed: ['100644', 'new'] }))
      expect([readdirSync(tree.directory).sort(), read('same'), read('changed')]).to.deep.equal([
        ['changed', 'same'],
        'same',
        'new',
      ])
    })

  it('is read out of a push that git has not accepted yet', async () => {
    await using pushed = await bareRepository()
    const commit = await pushed.commit({ a: ['100644', 'pushed'] })
    expect(await failure(readCommit({ ...tree, commit }))).to.include({ fault: 'invalid' })
    await write(commit, { env: quarantineEnv(bare.path, join(pushed.path, 'objects')) })
    expect(read('a')).to.equal('pushed')
  })

  it('is of a commit, and of nothing else', async () => {
    const blob = await bare.blob('x')
    const error = await failure(readCommit({ ...tree, commit: blob }))
    expect(error).to.include({ fault: 'invalid', hint: 'push <name>^{}:main' })
    expect((error as Error).message).to.match(/and this is a blob$/)
    expect(((await failure(readCommit({ ...tree, commit: '1'.repeat(40) }))) as Error).message).to.match(
      /not in the push$/,
    )
  })

  it('leaves nothing when there is no room, or an object is missing', async () => {
    const commit = await bare.commit({ a: ['100644', 'a'] })
    const whole = { ...tree, commit }
    const facts = await readCommit(whole)
    const needs = { bytes: Number.MAX_SAFE_INTEGER, files: 1 }
    expect(await failure(exportTree(whole, { ...facts, needs }))).to.include({ fault: 'large' })
    const oid = await bare.git('rev-parse', `${commit}:a`)
    await rm(join(bare.path, 'objects', oid.slice(0, 2), oid.slice(2)))
    const error = await failure(write(commit))
    expect(error).to.include({ fault: 'broken' })
    expect((error as Error).message).to.include('the pushed tree could not be written: git read-tree:')
    expect([existsSync(tree.directory), existsSync(indexOf(tree.directory))]).to.deep.equal([false, false])
  })

  it('takes the place of what a push that was cut off left there', async () => {
    await mkdir(join(tree.directory, 'half'), { recursive: true })
    await chmod(join(tree.directory, 'half'), 0)
    await writeFile(indexOf(tree.directory), 'half')
    await write(await bare.commit({ a: ['100644', 'a'] }))
    expect(readdirSync(tree.directory)).to.deep.equal(['a'])
  })
})
