import { expect } from 'chai'
import { mkdir, mkdtemp, copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { must } from '../../run.js'
import { openDocker, type DockerEngine } from './harness.js'
import { makeAuthority, makeImage, openRegistry, type Authority } from './registry-lab.js'
import { openTokens } from './token-lab.js'

describe('a registry that asks who one is', () => {
  let dir: string, certificates: string, engine: DockerEngine, authority: Authority, gateway: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-auth-'))
    certificates = join(dir, 'certs.d')
    await mkdir(certificates)
    engine = await openDocker({ certificates })
    // an address of this engine that is not loopback, where everything is allowed: its bridge is up from the first run on
    await engine.must('run', '--rm', 'debian:bookworm-slim', 'true')
    gateway = await engine.must('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge')
    authority = await makeAuthority(dir, `IP:${gateway}`, 'IP:127.0.0.1')
  })
  after(async () => {
    await engine[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  const fails = async (...args: string[]) => {
    const { code, stderr } = await engine.docker(...args)
    expect(code, args.join(' ')).to.equal(1)
    return stderr
  }
  const login = (host: string, password: string) =>
    engine.with({ input: password }, 'login', '-u', 'me', '--password-stdin', host)
  const config = () => readFile(join(engine.dir, 'config.json'), 'utf8')
  const htpasswd = async () => {
    const file = join(dir, 'htpasswd')
    await writeFile(file, await must('htpasswd', ['-Bbn', 'me', 'secret']))
    return file
  }
  /** Pushes an image, removes it here and pulls it again. */
  const roundTrip = async (name: string) => {
    const id = await makeImage(engine, name, name)
    await engine.must('push', name)
    await engine.must('rmi', name)
    await engine.must('pull', '-q', name)
    expect(await engine.must('image', 'inspect', '-f', '{{.Id}}', name)).to.equal(id)
  }
  const openSecure = (address: string) =>
    openRegistry(engine, { address, http: `tls: {certificate: "${authority.cert}", key: "${authority.key}"}` })

  it('is believed by a certificate of a known authority alone', async () => {
    await using registry = await openSecure(gateway)
    const name = `${registry.host}/me/tls:1`
    await makeImage(engine, name, 'tls')
    for (const command of ['push', 'pull'])
      expect(await fails(command, name)).to.match(/x509: certificate signed by unknown authority/)
    const trusted = join(certificates, registry.host, 'ca.crt')
    await mkdir(dirname(trusted))
    await copyFile(authority.ca, trusted)
    await roundTrip(name)
  })

  it('needs no known certificate on loopback, and TLS nowhere else is left out', async () => {
    await using secure = await openSecure('127.0.0.1')
    await roundTrip(`${secure.host}/me/loop:1`)
    await using plain = await openRegistry(engine, { address: gateway })
    expect(await fails('pull', `${plain.host}/me/x:1`)).to.include('http: server gave HTTP response to HTTPS client')
  })

  it('takes a name and a password', async () => {
    const auth = `auth: {htpasswd: {realm: berth, path: "${await htpasswd()}"}}`
    await using registry = await openRegistry(engine, { more: [auth] })
    const { host } = registry
    const name = `${host}/me/basic:1`
    await makeImage(engine, name, 'basic')
    expect(await fails('push', name)).to.include('no basic auth credentials')
    expect(await fails('pull', name)).to.include('no basic auth credentials')
    const bad = await login(host, 'wrong')
    expect(bad.code).to.equal(1)
    expect(bad.stderr).to.match(/401 Unauthorized/)
    expect((await login(host, 'secret')).stdout).to.include('Login Succeeded')
    expect(await config()).to.include(host)
    await roundTrip(name)

    await engine.must('rmi', name)
    const built = await engine.with({ input: `FROM ${name}\nLABEL a=b\n`, env: classic() }, 'build', '-qt', 'mine', '-')
    expect(built.code, built.stderr).to.equal(0)
    expect(await engine.must('image', 'inspect', '-f', '{{len .RootFS.Layers}}', 'mine')).to.equal('1')
    await engine.must('rmi', 'mine')

    await engine.must('logout', host)
    expect(await fails('pull', name)).to.include('no basic auth credentials')
    const denied = await engine.with({ input: `FROM ${name}\n`, env: classic() }, 'build', '--pull', '-q', '-')
    expect(denied.code).to.equal(1)
    expect(denied.stderr).to.include('no basic auth credentials')
  })

  const classic = () => ({
    ...process.env,
    DOCKER_HOST: `unix://${engine.socket}`,
    DOCKER_CONFIG: engine.dir,
    DOCKER_BUILDKIT: '0',
  })

  it('sends one for a token', async () => {
    await using tokens = await openTokens(dir, engine, { me: 'secret' })
    await using registry = await openRegistry(engine, { more: [tokens.configuration] })
    const { host } = registry
    const name = `${host}/me/token:1`
    await makeImage(engine, name, 'token')
    expect(await fails('push', name)).to.match(/denied|unauthorized/)
    const bad = await login(host, 'wrong')
    expect(bad.code).to.equal(1)
    expect(bad.stderr).to.include('unauthorized: incorrect username or password')
    expect((await login(host, 'secret')).stdout).to.include('Login Succeeded')
    await roundTrip(name)
    const asked = tokens.scopes().map((scope) => scope.split(':').at(-1)?.split(',').sort().join(','))
    expect(asked).to.include('pull,push').and.include('pull')
    await engine.must('logout', host)
    expect(await fails('pull', name)).to.include(
      `pull access denied for ${host}/me/token, repository does not exist or may require 'docker login'`,
    )
  })

  it('gives a refresh token that is kept in place of the password', async () => {
    await using tokens = await openTokens(dir, engine, { me: 'secret' }, 'long-lived')
    await using registry = await openRegistry(engine, { more: [tokens.configuration] })
    expect((await login(registry.host, 'secret')).stdout).to.include('Login Succeeded')
    const { auths } = JSON.parse(await config()) as { auths: Record<string, object> }
    expect(auths[registry.host]).to.include({ identitytoken: 'long-lived' })
    await roundTrip(`${registry.host}/me/refresh:1`)
    expect(tokens.refreshed()).to.be.greaterThan(0)
    await engine.must('logout', registry.host)
  })
})
