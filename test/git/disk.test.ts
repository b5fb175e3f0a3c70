import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { blocksOf, Disk } from '../../src/git/disk.js'
import { must, run } from '../run.js'
import { failure } from './bare.js'
import { commit, entry, head, none, object, pack, push, pushObjects, tree } from './packs.js'
import { gitRig, type GitRig } from './rig.js'

const mebibyte = 1024 * 1024

describe('the room on a disk', () => {
  let dir: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-disk-'))
    await must('mount', ['-t', 'tmpfs', '-o', 'size=20m,nr_inodes=100', 'tmpfs', dir])
  })
  after(async () => {
    await run('umount', ['--lazy', dir])
    await rm(dir, { recursive: true })
  })
  const written = () => Promise.resolve('written')

  it('is what is free beside the reserve, of which a tenth of the disk is the most', async () => {
    const rooms = [0, mebibyte, Number.MAX_SAFE_INTEGER].map((reserve) => new Disk(dir, reserve).room())
    expect(await Promise.all(rooms)).to.deep.equal([20 * mebibyte, 19 * mebibyte, 18 * mebibyte])
  })

  it('is none where others have taken the reserve', async () => {
    await writeFile(join(dir, 'others'), Buffer.alloc(19 * mebibyte))
    const disk = new Disk(dir, 2 * mebibyte)
    expect(await disk.room()).to.equal(0)
    expect(await failure(disk.withRoom({ bytes: 1, files: 1 }, written))).to.include({
      message: 'the pushed files take 1 MiB, and the server has room for 0 MiB beside its reserve',
    })
    await rm(join(dir, 'others'))
  })

  it('is promised for as long as a tree is written, however that ends', async () => {
    const disk = new Disk(dir, 0)
    const half = { bytes: 11 * mebibyte, files: 1 }
    const failed = await failure(
      disk.withRoom(half, async () => {
        expect(await failure(disk.withRoom(half, written))).to.include({ fault: 'large' })
        throw new Error('cannot be written')
      }),
    )
    expect(failed).to.include({ message: 'cannot be written' })
    expect(await disk.withRoom(half, written)).to.equal('written')
  })

  it('is as much for files as nine tenths of those that are free', async () => {
    const disk = new Disk(dir, 0)
    const { ffree } = await statfs(dir)
    const files = Math.floor(ffree * 0.9)
    expect(await disk.withRoom({ bytes: 0, files }, written)).to.equal('written')
    expect(await failure(disk.withRoom({ bytes: 0, files: files + 1 }, written))).to.include({
      message: `the push holds ${String(files + 1)} files, and the server's file system has room for ${String(files)}`,
    })
  })

  it('is taken by whole blocks', () => {
    expect([0, 1, 4096, 4097].map(blocksOf)).to.deep.equal([0, 4096, 4096, 8192])
  })
})

describe('a push that is larger than the disk', function () {
  this.timeout(60_000)
  let rig: GitRig
  let root = ''
  before(async () => {
    rig = await gitRig({
      prepare: async (config) => {
        root = config.root
        await mkdir(root, { recursive: true })
        await must('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', root])
      },
    })
  })
  after(async () => {
    await run('umount', ['--lazy', root])
    await rig[Symbol.asyncDispose]()
  })

  it('leaves the reserve alone: in the repository, and when it is checked out', async () => {
    const app = await rig.app('larger')
    const blob = object('blob', Buffer.alloc(19 * mebibyte))
    const files = tree([['100644', 'x', blob.oid]])
    const unpacked = await pushObjects(rig, 'larger', [blob, files, commit(files.oid)])
    expect(unpacked.text).to.match(/files take \d+ MiB, and the server has room for \d+ MiB beside its reserve/)
    const noise = entry(object('blob', randomBytes(19 * mebibyte)))
    const sent = await push(
      rig,
      'larger',
      Buffer.concat([head([none, '1'.repeat(40), 'refs/heads/main']), pack([noise])]),
    )
    expect(sent.text).to.match(/larger than what the server's disk has beside its reserve/)
    expect(await rig.store.operations.list(app.id)).to.have.length(0)
    expect(await rig.fsck(app)).to.equal('')
    const { bavail, blocks } = await statfs(root)
    expect(bavail / blocks).to.be.greaterThan(0.9)
  })

  it('counts what is being written', async () => {
    const disk = new Disk(root, 0)
    const room = await disk.room()
    const little = { bytes: 4096, files: 1 }
    await disk.withRoom({ bytes: room, files: 1 }, async () => {
      const failure = await disk.withRoom(little, () => Promise.resolve('written')).catch(String)
      expect(failure).to.match(/take 1 MiB, and the server has room for 0 MiB/)
    })
    expect(await disk.withRoom(little, () => Promise.resolve('written'))).to.equal('written')
  })
})
