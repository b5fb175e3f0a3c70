import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import {
  renameSync,
  rmdirSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { removeIfPossible, removeTree, sweepTrees } from '../../../src/engine/system/remove.js'
import { mount, MS } from '../../../src/engine/kernel/libc.js'
import { makeDeep } from './hostile.js'

describe('removing a tree', () => {
  let dir: string
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'berth-remove-'))))
  afterEach(() => rmSync(dir, { recursive: true, force: true }))

  it('takes all that is in it, whatever its name, and nothing that links lead to', async () => {
    const tree = join(dir, 'tree')
    for (const path of ['a/b/c', 'd']) mkdirSync(join(tree, path), { recursive: true })
    for (let n = 0; n < 100; n++) writeFileSync(join(tree, 'a/b', String(n)), '')
    writeFileSync(Buffer.concat([Buffer.from(`${tree}/d/`), Buffer.from([0xff, 0xfe])]), '')
    writeFileSync(join(dir, 'stays'), 'stays')
    mkdirSync(join(dir, 'full'))
    writeFileSync(join(dir, 'full/stays'), 'stays')
    symlinkSync('../stays', join(tree, 'to-file'))
    symlinkSync(join(dir, 'full'), join(tree, 'to-directory'))
    await removeTree(tree)
    expect(existsSync(tree)).to.equal(false)
    expect(readFileSync(join(dir, 'stays'), 'utf8')).to.equal('stays')
    expect(readFileSync(join(dir, 'full/stays'), 'utf8')).to.equal('stays')
  })

  it('is content with what is not there, and with another that removes it too', async () => {
    await removeTree(join(dir, 'none'))
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'a'), { recursive: true })
    for (let n = 0; n < 200; n++) writeFileSync(join(tree, 'a', String(n)), '')
    await Promise.all([removeTree(tree), removeTree(tree), removeTree(tree)])
    expect(existsSync(tree)).to.equal(false)
  })

  it('is not held up by how deep a tree is, and holds few descriptors', async () => {
    const tree = join(dir, 'tree')
    mkdirSync(tree)
    makeDeep(tree, 1100, 'name')
    makeDeep(tree, 40, 'n'.repeat(255))
    const open = (): number => readdirSync('/proc/self/fd').length
    const before = open()
    let most = 0
    const watch = setInterval(() => (most = Math.max(most, open() - before)), 20)
    await removeTree(tree)
    clearInterval(watch)
    expect(existsSync(tree)).to.equal(false)
    expect(most).to.be.lessThan(60)
    expect(open()).to.be.at.most(before + 1)
  })

  it('takes off the flags that keep a file and a directory', async function () {
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'kept/below'), { recursive: true, mode: 0 })
    for (const name of ['file', 'log', 'kept/below/file']) writeFileSync(join(tree, name), '')
    try {
      execFileSync('chattr', ['+a', join(tree, 'log')], { stdio: 'ignore' })
      execFileSync('chattr', ['+i', ...['file', 'kept/below', 'kept'].map((name) => join(tree, name))])
    } catch {
      this.skip() // a file system without them, or a user who may not
    }
    await removeTree(tree)
    expect(existsSync(tree)).to.equal(false)
  })

  it('takes fifos, sockets and links that go round in circles', async () => {
    const tree = join(dir, 'tree')
    mkdirSync(tree)
    execFileSync('mkfifo', [join(tree, 'fifo')])
    execFileSync('perl', [
      '-MIO::Socket::UNIX',
      '-e',
      'IO::Socket::UNIX->new(Local => shift, Listen => 1)',
      join(tree, 's'),
    ])
    symlinkSync('loop', join(tree, 'loop'))
    await removeTree(tree)
    expect(existsSync(tree)).to.equal(false)
  })

  it('leaves what is mounted in it as it is', async function () {
    const tree = join(dir, 'tree')
    mkdirSync(join(tree, 'a/mounted'), { recursive: true })
    mkdirSync(join(dir, 'theirs'))
    writeFileSync(join(dir, 'theirs/stays'), 'stays')
    try {
      mount(join(dir, 'theirs'), join(tree, 'a/mounted'), '', MS.bind, '')
    } catch {
      this.skip()
    }
    await removeTree(tree)
    expect(existsSync(tree)).to.equal(false)
    expect(readFileSync(join(dir, 'theirs/stays'), 'utf8')).to.equal('stays')
  })

  it('never follows a link that takes the place of a directory meanwhile', async () => {
    const [tree, theirs] = [join(dir, 'tree'), join(dir, 'theirs')]
    mkdirSync(theirs)
    for (let n = 0; n < 50; n++) writeFileSync(join(theirs, String(n)), '')
    for (let n = 0; n < 200; n++) mkdirSync(join(tree, `d${n}/a/b`), { recursive: true })
    const removal = removeTree(tree)
    for (let n = 199; n >= 0; n--) {
      await new Promise(setImmediate)
      try {
        renameSync(join(tree, `d${n}`), join(dir, 'away'))
        symlinkSync(theirs, join(tree, `d${n}`))
        rmSync(join(dir, 'away'), { recursive: true })
      } catch {
        continue // it was removed already
      }
    }
    await removal
    expect(readdirSync(theirs)).to.have.length(50)
  })

  it('of what an earlier process left tells what cannot be removed, removes the rest and goes on', async () => {
    const [held, other] = [join(dir, 'held'), join(dir, 'other')]
    mkdirSync(join(other, 'a'), { recursive: true })
    const told: string[] = []
    const { error } = console
    console.error = (text: string) => void told.push(text)
    try {
      await sweepTrees('trees', ['/proc/1', other])
      await removeIfPossible('/proc/1', 'a tree')
    } finally {
      console.error = error
    }
    expect(told.join()).to.match(/trees: "\/proc\/1" cannot be removed and stays until the next start: E/)
    expect(existsSync(other)).to.equal(false)
    expect(existsSync(held)).to.equal(false)
    rmdirSync(dir)
  })
})
