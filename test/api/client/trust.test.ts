import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { createClient } from '../../../src/api/client.js'
import { Authority, type Issued } from '../../certificates/authority.js'
import { run } from '../../run.js'

const here = fileURLToPath(new URL('../../..', import.meta.url))

describe('a server that is reached by HTTPS', function () {
  this.timeout(30_000)
  let authority: Authority
  let issuer: Issued
  let dir: string
  let ca: string
  before(async () => {
    authority = await Authority.open()
    issuer = await authority.issue(null, { subject: '/CN=Own CA', authority: true })
    dir = await mkdtemp(join(tmpdir(), 'berth-trust-'))
    ca = join(dir, 'ca.pem')
    await writeFile(ca, issuer.cert)
  })
  after(async () => {
    await authority[Symbol.asyncDispose]()
    await rm(dir, { recursive: true })
  })

  const listening = async (server: Server): Promise<AsyncDisposable & { url: string }> => {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    return {
      url: `https://berth.localhost:${String((server.address() as AddressInfo).port)}`,
      [Symbol.asyncDispose]: async () => {
        server.close()
        await once(server, 'close')
      },
    }
  }
  const serving = async (names: readonly string[], days?: number) =>
    listening(
      createServer(await authority.issue(issuer, { names, ...(days === undefined ? {} : { days }) }), (_, response) =>
        response.setHeader('berth-version', '1').setHeader('connection', 'close').end('[]'),
      ),
    )
  const said = (url: string, more: { ca?: string } = {}): Promise<string> =>
    createClient({ url, token: 'x', ...more })
      .apps.list({})
      .then(
        (all) => `well ${JSON.stringify(all)}`,
        (error: unknown) => (error as Error).message.replace(url, 'URL'),
      )

  it('is believed by whom the caller names, and else refused in words, with a way out', async () => {
    await using good = await serving(['berth.localhost'])
    expect(await said(good.url, { ca })).to.equal('well []')
    const unknown = 'URL shows a certificate that nobody vouches for whom this machine believes'
    expect(await said(good.url)).to.equal(unknown)
    expect(await said(good.url, { ca: join(dir, 'none.pem') })).to.match(/none\.pem cannot be read/)
    const error = await createClient({ url: good.url, token: 'x' })
      .apps.list({})
      .catch((one: unknown) => one as { hint: string })
    expect((error as { hint: string }).hint)
      .to.include(`berth login ${good.url} --ca FILE`)
      .and.include('NODE_EXTRA_CA')
    await using other = await serving(['elsewhere.example'])
    expect(await said(other.url, { ca })).to.equal('URL shows a certificate for another hostname')
    await using old = await serving(['berth.localhost'], -1)
    expect(await said(old.url, { ca })).to.match(/^the certificate of URL has expired, by the clock/)
    await using plain = await listening(createPlain((_, response) => response.end('[]')))
    expect(await said(plain.url, { ca })).to.equal('what listens at URL does not speak HTTPS')
  })

  it('is believed where the system knows who vouches for it', async () => {
    await using good = await serving(['berth.localhost'])
    const program = `
      const { createClient } = await import('./src/api/client.ts')
      console.log(JSON.stringify(await createClient({ url: ${JSON.stringify(good.url)}, token: 'x' }).apps.list({})))`
    const args = ['--import=./strip-types.js', '--input-type=module', '--eval', program]
    const env = { PATH: process.env.PATH, SSL_CERT_FILE: ca }
    expect((await run(process.execPath, args, { cwd: here, env })).stdout).to.equal('[]\n')
    const without = await run(process.execPath, args, { cwd: here, env: { PATH: process.env.PATH } })
    expect(without.stderr).to.include('nobody vouches for')
  })
})
