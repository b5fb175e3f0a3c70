import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { CertView } from '../../src/api/contract.js'
import { formatExpiry } from '../../src/cli/certs.js'
import { Authority } from '../certificates/authority.js'
import { setCli } from './rig.js'

describe('certificates on the command line', function () {
  this.timeout(30_000)
  const cli = setCli()
  const { berth, json } = cli

  it('are added, listed, described and removed', async () => {
    await using authority = await Authority.open()
    const { cert, key } = await authority.issue(null, { names: ['shop.example.org'], subject: '/CN=Tester' })
    const [chainFile, keyFile] = [join(cli.dir, 'chain.pem'), join(cli.dir, 'key.pem')]
    await writeFile(chainFile, cert)
    await writeFile(keyFile, key)
    await cli.api.pushed('blog')
    expect((await berth(['certs', '-a', 'blog'])).stderr).to.include('blog has no certificates; `berth certs:auto on`')
    const add = () => berth(['certs:add', chainFile, keyFile, '-a', 'blog'])
    expect((await add()).stderr)
      .to.include('blog has none of these hostnames')
      .and.include('domains:add shop.example')
    await berth(['domains:add', 'shop.example.org', '-a', 'blog'])
    expect((await add()).stderr).to.match(
      /^Added [0-9a-f]{12} to blog, for shop.example.org; it expires \d.* \(in \d+ d/,
    )
    const [one] = (await json(['certs', '-a', 'blog', '--json'])) as CertView[]
    const id = one?.id ?? ''
    expect((await berth(['certs:list', '-a', 'blog'])).stdout).to.match(
      new RegExp(`^${id}  shop.example.org  \\d{4}-\\d\\d-\\d\\d \\(in \\d+ days?\\)  brought, by Tester$`, 'm'),
    )
    const info = await berth(['certs:info', id, '-a', 'blog'])
    expect(info.stdout).to.include('ec prime256v1').and.not.include('PRIVATE')
    expect((await berth(['certs:remove', id, '-a', 'blog'])).stderr).to.equal(
      `Removed ${id}, for shop.example.org, from blog\n`,
    )
    expect((await berth(['certs:info', id, '-a', 'blog'])).stderr).to.include(`blog has no certificate ${id}`)
    expect((await berth(['certs:add', '/nowhere', keyFile, '-a', 'blog'])).stderr).to.include('/nowhere cannot be read')
    expect((await berth(['certs:add', keyFile, chainFile, '-a', 'blog'])).stderr).to.include('holds a private key')
  })

  it('are ordered, or not', async () => {
    await cli.api.pushed('auto')
    const said = async (...args: string[]) => (await berth([...args, '-a', 'auto'])).stderr
    expect(await said('certs:auto', 'maybe')).to.include('"maybe" is neither on nor off')
    expect(await said('certs:renew')).to.include('`berth certs:auto on -a auto` has them ordered')
    expect(await said('certs:auto', 'on')).to.equal(
      'No certificate is ordered for auto.localhost: it is of this machine alone\n' +
        'auto has no hostname to order a certificate for; `berth domains:add` gives it one\n',
    )
    await berth(['domains:add', 'auto.example.org', '-a', 'auto'])
    expect(await said('certs:auto', 'on')).to.include(
      'Ordering certificates for auto.example.org; `berth domains` says',
    )
    expect(await said('certs:renew')).to.equal('auto has no orders\n')
    expect(await said('certs:auto', 'off')).to.match(/^No certificates are ordered for auto any more/)
  })

  it('say when they expire', () => {
    const now = Date.parse('2026-11-30T12:00:00Z')
    expect(formatExpiry('2026-12-02T11:00:00Z', now)).to.equal('2026-12-02 (in 1 day)')
    expect(formatExpiry('2027-02-28T12:00:00Z', now)).to.equal('2027-02-28 (in 90 days)')
    expect(formatExpiry('2026-11-30T11:59:59Z', now)).to.equal('2026-11-30 (EXPIRED)')
  })
})
