import { expect } from 'chai'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { BerthError } from '../../src/errors.js'
import { chooseApp, explainToken } from '../../src/cli/session.js'
import { createClient } from '../../src/api/client.js'
import { setCli } from './rig.js'

describe('a session', function () {
  this.timeout(20_000)
  const cli = setCli()
  const { berth } = cli

  it('that is not there: says Berth is not running and what starts it, exit code 1', async () => {
    const server = createServer().listen(0)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const url = `http://berth.localhost:${String(port)}`
    const { code, stderr } = await berth(['apps'], { env: { ...cli.env, BERTH_URL: url, BERTH_TOKEN: 'x' } })
    expect(code).to.equal(1)
    expect(stderr).to.equal(` ▸    Berth is not running at ${url}\n ▸    \`bin/up\` starts it\n`)
  })

  it('that is no Berth, or whose API is away, is told apart', async () => {
    for (const [status, words] of [
      [200, /answered 200, and not as Berth does/],
      [404, /answered 404, and not as Berth does/],
      [503, /API at .* is not answering/],
    ] as const) {
      const server = createServer((_request, response) => response.writeHead(status).end('<html>')).listen(0)
      await once(server, 'listening')
      const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
      const { code, stderr } = await berth(['apps'], { env: { ...cli.env, BERTH_URL: url, BERTH_TOKEN: 'x' } })
      server.close()
      expect(code).to.equal(1)
      expect(stderr).to.match(words)
    }
  })

  it('that does not know the token says so', async () => {
    const { code, stderr } = await berth(['apps'], {
      env: { ...cli.env, BERTH_URL: cli.api.url, BERTH_TOKEN: 'wrong' },
    })
    expect(code).to.equal(1)
    expect(stderr).to.include('does not know the token')
  })

  it('nobody has named is asked for', async () => {
    const { code, stderr } = await berth(['apps'], { env: { ...cli.env, BERTH_CONFIG_DIR: join(cli.dir, 'nowhere') } })
    expect(code).to.equal(1)
    expect(stderr).to.include('no Berth is known here').and.to.include('bin/up')
  })

  it('never gets the token of another', async () => {
    const { code, stderr } = await berth(['apps'], { env: { ...cli.env, BERTH_URL: 'http://127.0.0.1:9' } })
    expect(code).to.equal(1)
    expect(stderr).to.include('there is no token for')
  })

  it('whose token came from the environment says so when it is refused', () => {
    const refused = new BerthError('unauthenticated', 'this Berth does not know the token')
    const told = explainToken(refused, { BERTH_TOKEN: 'x' }) as BerthError
    expect(told.message).to.equal('the token in BERTH_TOKEN is not good: this Berth does not know the token')
    expect(told.hint).to.include('unset BERTH_TOKEN')
    expect(explainToken(refused, {})).to.equal(refused)
    const other = new Error('something else')
    expect(explainToken(other, { BERTH_TOKEN: 'x' })).to.equal(other)
  })

  it('is about the app that is named, else that of the environment, else that of the directory', async () => {
    const credentials = { url: cli.api.url, token: cli.api.token }
    const session = { credentials, client: createClient(credentials) }
    expect(await chooseApp(session, { app: 'one' })).to.equal('one')
    const missing = (name: string) => `no app named "${name}"`
    const named = { ...cli.env, BERTH_APP: 'two' }
    expect((await berth(['ps'], { env: named })).stderr).to.include(missing('two'))
    expect((await berth(['ps', '-a', 'one'], { env: named })).stderr).to.include(missing('one'))
    for (const empty of [
      ['ps', '-a', ''],
      ['ps', '--app='],
    ]) {
      const { code, stderr } = await berth(empty, { env: named })
      expect([code, stderr.includes('no app chosen')], empty.join(' ')).to.deep.equal([2, true])
    }
  })
})
