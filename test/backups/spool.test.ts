import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { messageOf } from '../../src/errors.js'
import { must } from '../run.js'
import { cleanSpool, freeBytes, openSpool } from '../../src/backups/spool.js'

describe('the spool of backups', () => {
  let root = ''
  beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'berth-spool-'))))
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('has a dump as it was written, for nobody else, and is empty again', async () => {
    const dump = randomBytes(300_000)
    const seen: number[] = []
    {
      await using spool = await openSpool({ root, diskReserve: 0 }, 'a', (bytes) => seen.push(bytes))
      await pipeline(Readable.from([dump.subarray(0, 1000), dump.subarray(1000)]), spool.output)
      expect(await readFile(spool.file)).to.deep.equal(dump)
      expect((await stat(spool.file)).mode & 0o777).to.equal(0o600)
      expect(spool.sum()).to.deep.equal({ bytes: 300_000, sha256: createHash('sha256').update(dump).digest('hex') })
    }
    expect(seen).to.deep.equal([1000, 300_000])
    expect(await readdir(join(root, 'backups/spool'))).to.deep.equal([])
  })

  it('leaves the reserve of the disk alone', async () => {
    const { bavail, bsize, blocks } = await statfs(root)
    // the tenth of a disk at most is its reserve
    const free = await freeBytes(root, Infinity)
    expect(free).to.be.closeTo(bavail * bsize - (blocks * bsize) / 10, 512 * 1024 * 1024)
    expect(await freeBytes(root, 0)).to.be.greaterThan(free)
  })

  it('ends a dump before the disk is full, and has its room back', async () => {
    await must('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', root])
    try {
      {
        await using spool = await openSpool({ root, diskReserve: 2 ** 30 }, 'large', () => undefined)
        const endless = Readable.from(
          (function* () {
            for (;;) yield Buffer.alloc(1024 * 1024)
          })(),
        )
        const failure = await pipeline(endless, spool.output).then(() => 'it took all', messageOf)
        expect(failure).to.contain('full to its reserve after')
        expect((await stat(spool.file)).size).to.be.within(32 * 2 ** 20, 87 * 2 ** 20)
        expect(await freeBytes(root, 2 ** 30)).to.be.greaterThan(0)
      }
      expect(await freeBytes(root, 2 ** 30)).to.be.greaterThan(80 * 2 ** 20)
    } finally {
      await must('umount', [root])
    }
  })

  it('is cleaned of what a worker before has left', async () => {
    const left = await openSpool({ root, diskReserve: 0 }, 'left', () => undefined)
    await cleanSpool({ root })
    expect(await readdir(join(root, 'backups/spool'))).to.deep.equal([])
    await left[Symbol.asyncDispose]()
  })
})
