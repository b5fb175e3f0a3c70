import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { resolvConf, type Asking, type Resolution } from '../../../src/engine/networks/resolv.js'

describe('a container’s resolv.conf', () => {
  let directory: string
  beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'berth-resolv-'))))
  afterEach(() => rm(directory, { recursive: true }))
  const given = async (host: string, resolution?: Resolution, asking?: Asking) => {
    await writeFile(join(directory, 'resolv.conf'), host)
    return resolvConf(resolution, asking, join(directory, 'resolv.conf'))
  }

  it('is the host’s', async () =>
    expect(
      await given('# made by hand\nsearch a.test b.test\nnameserver 192.0.2.53 ; near\noptions ndots:2\n'),
    ).to.equal('search a.test b.test\nnameserver 192.0.2.53\noptions ndots:2\n'))

  it('leaves out servers a container cannot reach', async () =>
    expect(await given('nameserver 127.0.0.1\nnameserver 192.0.2.53\nnameserver fd00::53\n')).to.equal(
      'nameserver 192.0.2.53\n',
    ))

  it('names some server when the host has none', async () =>
    expect(await given('')).to.match(/^nameserver \d+\.\d+\.\d+\.\d+$/m))

  it('says what the container asks for instead', async () =>
    expect(
      await given('nameserver 192.0.2.53\nsearch a.test\n', {
        servers: ['192.0.2.1'],
        search: ['c.test'],
        options: ['rotate'],
      }),
    ).to.equal('search c.test\nnameserver 192.0.2.1\noptions rotate\n'))

  it('has no search list when told "."', async () =>
    expect(await given('nameserver 192.0.2.53\nsearch a.test\n', { search: ['.'] })).to.equal(
      'nameserver 192.0.2.53\n',
    ))

  it('names the engine’s own server where members have names', async () =>
    expect(await given('nameserver 192.0.2.53\nsearch a.test\n', { servers: ['192.0.2.1'] }, 'names')).to.equal(
      'search a.test\nnameserver 127.0.0.11\noptions ndots:0\n',
    ))

  it('is the host’s own on the host’s network', async () =>
    expect(await given('# mine\nnameserver 127.0.0.53\n', {}, 'host')).to.equal('# mine\nnameserver 127.0.0.53\n'))

  it('takes an old "domain" for a search list', async () =>
    expect(await given('nameserver 192.0.2.53\ndomain a.test\n')).to.include('search a.test'))
})
