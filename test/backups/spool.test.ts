import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
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

  it('is cleaned of what a worker before has left', async () => {
    const left = await openSpool({ root, diskReserve: 0 }, 'left', () => undefined)
    await cleanSpool({ root })
    expect(await readdir(join(root, 'backups/spool'))).to.deep.equal([])
    await left[Symbol.asyncDispose]()
  })
})
