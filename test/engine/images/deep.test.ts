import { execFileSync } from 'node:child_process'
import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { changesOf } from '../../../src/engine/images/changes.js'
import { copyLayer } from '../../../src/engine/images/copy-layer.js'
import { packChildren, packTree } from '../../../src/engine/archives/pack-tree.js'
import { LayerWriter } from '../../../src/engine/images/layer-writer.js'
import { copyFiles, digestSources } from '../../../src/engine/images/copy-files.js'
import { copyTree } from '../../../src/engine/images/copy-tree.js'
import { letGo, remove } from '../../../src/engine/images/files.js'
import { identityOwners } from '../../../src/engine/images/owners.js'
import { packLayer, packedLength, sumLayer } from '../../../src/engine/images/pack.js'
import { scan } from '../../../src/engine/images/scan.js'
import { getXattr, setXattr } from '../../../src/engine/kernel/file-calls.js'
import { verifyLayer } from '../../../src/engine/images/verify.js'
import { diskUsageOf } from '../../../src/engine/images/disk-usage.js'
import { disk } from '../../memory-disk.js'
import { listing, makeDeep } from '../system/hostile.js'

/** Beyond PATH_MAX with short names, and more than the descriptors that a process has by default; and once more with long ones. */
const levels = 1100

describe('a tree that is deeper than a path can be long', function () {
  this.timeout(60_000)
  let root: string
  let deep: string
  const fresh = (name: string): string => {
    const path = join(root, name)
    mkdirSync(path)
    return path
  }
  const lengthOf = (chunks: Iterable<Buffer>): number => {
    let length = 0
    for (const chunk of chunks) length += chunk.length
    return length
  }
  /** Nothing of a walk stays open. */
  let open: number
  const descriptors = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root) // others than a walk open and close here, too
      } catch {
        return false
      }
    }).length
  before(() => {
    root = mkdtempSync(join(disk, 'berth-deep-'))
    deep = fresh('deep')
    makeDeep(deep, levels, 'name')
    makeDeep(deep, 20, 'n'.repeat(250))
    writeFileSync(join(deep, 'link-a'), 'linked')
    execFileSync('ln', [join(deep, 'link-a'), join(deep, 'link-b')])
    execFileSync('mkfifo', [join(deep, 'fifo')])
  })
  beforeEach(() => (open = descriptors()))
  afterEach(() => {
    letGo()
    expect(descriptors()).to.equal(open)
  })
  after(() => execFileSync('rm', ['-rf', root]))

  it('is packed as a layer, weighed and verified', () => {
    const { diffId, size } = sumLayer(deep)
    expect(lengthOf(packLayer(deep))).to.equal(packedLength(deep))
    expect(verifyLayer({ directory: deep, diffId, size })).to.deep.equal([])
    expect(diskUsageOf(deep).own).to.be.greaterThan(levels * 1024)
  })

  it('is packed for docker cp and export', () => {
    const whole = lengthOf(packTree(deep, 'deep', identityOwners))
    expect(whole).to.be.greaterThan(levels * levels)
    expect(lengthOf(packChildren(deep, identityOwners))).to.be.lessThan(whole)
  })

  it('is copied with all that is in it', () => {
    const to = fresh('copied')
    copyTree({ from: deep, to })
    expect(listing(to)).to.equal(listing(deep))
    expect(lstatSync(join(to, 'link-a')).ino).to.equal(lstatSync(join(to, 'link-b')).ino)
  })

  it('is the same layer when it is lifted out of a container, and is told as changed', () => {
    const [lower, target] = [fresh('lower'), fresh('lifted')]
    copyLayer({ upper: deep, lowers: [lower], mountPoints: [], target })
    expect(sumLayer(target)).to.deep.equal(sumLayer(deep))
    const changes = changesOf({ upper: deep, lowers: [lower], mountPoints: [] })
    expect(changes.length).to.equal(levels + 20 + 2 + 3)
    expect(changesOf({ upper: deep, lowers: [deep], mountPoints: [] })).to.deep.equal([])
  })

  it('is copied between stages, and over one that is as deep', () => {
    // of few levels with long names: what is known by path is the square of the depth
    const tall = fresh('tall')
    makeDeep(tall, 50, 'n'.repeat(200))
    const sources = { layers: [tall], patterns: ['/'] }
    const digest = digestSources(sources)
    const upper = fresh('carried')
    copyFiles({ ...sources, inline: [], lowers: [], upper, target: '/' })
    expect(digestSources({ layers: [upper], patterns: ['/'] })).to.equal(digest)
    const over = fresh('over')
    copyFiles({ ...sources, inline: [], lowers: [tall], upper: over, target: '/' })
    expect(sumLayer(over)).to.deep.equal(sumLayer(upper))
  })

  it('is refused as a build context, in words', () => {
    expect(() => scan(deep)).to.throw('is too long to be built')
  })

  it('is removed and hidden by the layer writer', () => {
    const upper = fresh('layerWriter')
    copyTree({ from: deep, to: upper })
    const layerWriter = new LayerWriter(upper, [])
    layerWriter.whiteout('/name')
    expect(lstatSync(join(upper, 'name')).isCharacterDevice()).to.equal(true)
    remove(upper)
    expect(readdirSync(root)).not.to.include('layerWriter')
  })
})

describe('a copy of a tree', () => {
  let root: string
  before(() => (root = mkdtempSync(join(disk, 'berth-copy-'))))
  after(() => execFileSync('rm', ['-rf', root]))

  it('keeps names that are not UTF-8, holes, owners, modes, times, attributes and kinds', () => {
    const [from, to] = [join(root, 'from'), join(root, 'to')]
    mkdirSync(join(from, 'kept'), { recursive: true })
    mkdirSync(to)
    writeFileSync(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0xfe])]), 'odd')
    execFileSync('truncate', ['--size=50M', join(from, 'hole')])
    const fd = openSync(join(from, 'hole'), 'r+')
    writeFileSync(fd, 'begin')
    closeSync(fd)
    execFileSync('mknod', [join(from, 'null'), 'c', '1', '3'])
    execFileSync('mkfifo', [join(from, 'fifo')])
    execFileSync('ln', ['-s', 'nowhere', join(from, 'link')])
    execFileSync('chown', ['-h', '1234:5678', join(from, 'hole'), join(from, 'link'), join(from, 'kept')])
    execFileSync('chmod', ['6711', join(from, 'hole')])
    execFileSync('chmod', ['1700', join(from, 'kept')])
    setXattr(join(from, 'kept'), 'user.mark', Buffer.from('here'))
    // whole milliseconds: of what is finer the last digits are rounded
    execFileSync('find', [from, '-exec', 'touch', '-hd', '2001-02-03 04:05:06.789', '{}', '+'])
    copyTree({ from, to })
    const look = (path: string): string =>
      execFileSync('find', ['.', '-printf', '%p %y %m %U:%G %s %T@ %l\n'], { cwd: path })
        .toString('latin1')
        .replace(/(\.\d{5})\d+/g, '$1')
    const sorted = (text: string): string[] =>
      text
        .split('\n')
        .filter((line) => !line.startsWith('./kept d 4096 '))
        .sort()
    expect(sorted(look(to))).to.deep.equal(sorted(look(from)))
    expect(getXattr(join(to, 'kept'), 'user.mark')?.toString()).to.equal('here')
    expect(lstatSync(join(to, 'hole')).blocks).to.be.lessThan(100)
  })
})
