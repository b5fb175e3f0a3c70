import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { gitCredentialsFile, readCredentials } from '../../src/credentials.js'
import { Authority } from '../certificates/authority.js'
import { setCli } from './rig.js'

describe('a Berth that runs elsewhere', function () {
  this.timeout(30_000)
  const cli = setCli()
  const { berth } = cli

  it('is used with a token that it knows, and with no other', async () => {
    const env = { ...cli.env, BERTH_CONFIG_DIR: join(cli.dir, 'laptop') }
    const { url, token } = cli.api
    expect((await berth(['apps'], { env })).stderr).to.include('`berth login URL` uses one that runs elsewhere')
    const wrong = await berth(['login', url], { env, input: 'wrong\n' })
    expect([wrong.code, await readCredentials(env)]).to.deep.equal([1, null])
    expect(wrong.stderr).to.include('does not know the token')
    expect((await berth(['login', url], { env })).stderr).to.include('there is no token on standard input')
    expect((await berth(['login', 'ftp://x'], { env, input: token })).stderr).to.include('names no server: "ftp://x"')
    const done = await berth(['login', url, '--json'], { env, input: `${token}\n` })
    expect([done.code, JSON.parse(done.stdout)]).to.deep.equal([0, { url }])
    expect(await readCredentials(env)).to.deep.equal({ url, token })
    expect((await berth(['apps', '--json'], { env })).code).to.equal(0)
    expect(await readFile(gitCredentialsFile(env), 'utf8')).to.include(token)
    expect((await berth(['logout'], { env })).stderr).to.equal(`Forgot the token for ${url}\n`)
    expect(await readFile(gitCredentialsFile(env), 'utf8')).to.not.include(token)
    expect((await berth(['logout'], { env })).stderr).to.include('no Berth is known here')
    const next = 'berth.example.invalid'
    expect((await berth(['login', next], { env, input: token })).stderr, 'https').to.include(`https://${next}`)
  })

  it('may have a CA of its own, which is kept and given to git', async () => {
    const env = { ...cli.env, BERTH_CONFIG_DIR: join(cli.dir, 'own-ca') }
    const { url, token } = cli.api
    await using authority = await Authority.open()
    const { cert, key } = await authority.issue(null, { authority: true })
    const file = join(cli.dir, 'ca.pem')
    const login = () => berth(['login', url, '--ca', file], { env, input: token })
    expect((await login()).stderr).to.include('ca.pem cannot be read')
    await writeFile(file, key)
    expect((await login()).stderr).to.include('holds no certificate')
    await writeFile(file, cert)
    expect((await login()).code).to.equal(0)
    const { ca = '' } = (await readCredentials(env)) ?? {}
    expect(await readFile(ca, 'utf8')).to.equal(cert)
    const cwd = await cli.repository()
    expect((await berth(['apps:create', 'trusted'], { env, cwd })).code).to.equal(0)
    expect(await readFile(join(cwd, '.git/config'), 'utf8')).to.include(`sslCAInfo = ${ca}`)
    await berth(['logout'], { env })
    expect(await readFile(ca, 'utf8').catch((error: unknown) => error)).to.have.property('code', 'ENOENT')
  })
})
