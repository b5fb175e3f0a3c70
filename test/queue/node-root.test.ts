import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect } from 'chai'
import { fetched } from '../../src/queue/node-root.js'

describe('a package of Node.js', () => {
  let cache: string
  const { NODE_EXTRA_CA_CERTS: told } = process.env
  before(async () => {
    cache = await mkdtemp(join(tmpdir(), 'berth-packages-'))
    delete process.env.NODE_EXTRA_CA_CERTS // as systemd starts the worker
  })
  after(async () => {
    if (told !== undefined) process.env.NODE_EXTRA_CA_CERTS = told
    await rm(cache, { recursive: true })
  })

  it("is fetched with the certificates that the machine trusts, and not those of the caller's environment", async () => {
    const tarball = await fetched(cache, 'picocolors@1')
    expect(basename(tarball)).to.match(/^picocolors-1\..*\.tgz$/)
    expect(await fetched(cache, 'picocolors@1')).to.equal(tarball)
  })
})
