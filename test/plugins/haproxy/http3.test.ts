import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { hasHttp3 } from '../../../plugins/haproxy/abilities.js'
import { run } from '../../run.js'
import { ask, eventually, startRouter, type RouterUnderTest } from '../../router/plane-rig.js'
import { app, saying } from '../../router/parts.js'
import { certificate } from '../../router/secure-rig.js'
import { askHttp3, withHttp3 } from './http3-rig.js'

describe('HTTP/3 by HAProxy', function () {
  this.timeout(120_000)
  let programs: Awaited<ReturnType<typeof withHttp3>>
  let front: RouterUnderTest
  before(async function () {
    this.timeout(300_000)
    programs = await withHttp3()
    front = await startRouter('haproxy', 'source', { BERTH_CLIENT_CONNECTIONS: '8' })
  })
  after(async () => {
    await front[Symbol.asyncDispose]()
    programs[Symbol.dispose]()
  })

  const by3 = (host: string, more?: Parameters<typeof askHttp3>[3]) =>
    askHttp3(programs.curl, host, front.securePort, more)

  it('tells an app who asks, and nothing that a client has invented, over IPv4 and IPv6, past the router and through it', async () => {
    await using blog = await app(({ rawHeaders }, response) => response.end(JSON.stringify(rawHeaders)))
    await front.route('told', [blog.target()])
    await front.route('ruled', [blog.target()], { rules: { headers: { 'x-ruled': '1' } } })
    const forged = [
      'x-forwarded-for: 1.2.3.4',
      'X_Forwarded_Proto: http',
      'forwarded: for=1',
      'te: trailers',
      'x-kept: yes',
    ]
    for (const name of ['told', 'ruled'])
      for (const [address, client] of [
        ['127.0.0.1', '127.0.0.1'],
        ['[::1]', '::1'],
      ]) {
        const { status, headers, body } = await by3(`${name}.test`, {
          address: address ?? '',
          args: forged.flatMap((header) => ['-H', header]),
        })
        expect(status, body).to.equal(200)
        expect(headers['x-ruled']).to.equal(name === 'ruled' ? '1' : undefined)
        const list = JSON.parse(body) as string[]
        const of = (key: string) => list.filter((_, i) => i % 2 === 1 && list[i - 1]?.toLowerCase() === key)
        expect(of('x-forwarded-for')).to.deep.equal([client])
        expect(of('x-forwarded-proto')).to.deep.equal(['https'])
        expect(of('x-forwarded-host')).to.deep.equal([`${name}.test:${String(front.securePort)}`])
        expect(of('x-forwarded-port')).to.deep.equal([String(front.securePort)])
        expect(of('x-request-id')).to.deep.equal([headers['x-request-id']])
        expect(of('x-kept')).to.deep.equal(['yes'])
        for (const gone of ['x_forwarded_proto', 'forwarded', 'te']) expect(of(gone), gone).to.deep.equal([])
      }
  })

  it('is offered to those who come by TLS over TCP, and to nobody else', async () => {
    await using blog = await app((request, response) => {
      if (request.url === '/own') response.setHeader('alt-svc', 'clear')
      response.end('x')
    })
    await front.route('offered', [blog.target()])
    const offer = `h3=":${String(front.securePort)}"; ma=3600`
    const secure = async (host: string, path = '/') =>
      (await ask(front, host, { secure: true, path })).headers['alt-svc']
    expect(await secure('offered.test')).to.equal(offer)
    expect(await secure('nobody.test'), 'the router’s page').to.equal(offer)
    expect(await secure('offered.test', '/own')).to.equal('clear')
    expect((await ask(front, 'offered.test')).headers).to.not.have.property('alt-svc')
    expect((await by3('offered.test')).headers).to.not.have.property('alt-svc')
  })

  it('judges what is asked as ever', async () => {
    await using blog = await saying('x')
    await front.route('judged', [blog.target()], { https: true })
    expect((await by3('judged.test')).body).to.equal('x')
    expect((await by3('nobody.test')).headers['x-berth-error']).to.equal('unknown-host')
    expect((await by3('judged.test', { args: ['-X', 'TRACE'] })).status).to.equal(405)
    await front.route('judged', [blog.target()], { rules: { allow: ['192.0.2.0/24'] } })
    expect((await by3('judged.test')).status).to.equal(403)
    await front.route('judged', [], { away: 'not-pushed' })
    expect((await by3('judged.test')).headers['x-berth-error']).to.equal('not-pushed')
  })

  it('takes large bodies whole, both ways', async () => {
    const length = 8 * 1024 * 1024
    await using blog = await app((request, response) => void request.pipe(response))
    await front.route('large', [blog.target()])
    const { stdout } = await run('bash', [
      '-c',
      `head -c ${String(length)} /dev/zero | "$1" -sSk --http3-only --max-time 60 --resolve "$2:$3:127.0.0.1" --data-binary @- "https://$2:$3/" | sha256sum; head -c ${String(length)} /dev/zero | sha256sum`,
      ...['-', programs.curl, 'large.test', String(front.securePort)],
    ])
    const [came, sent] = stdout.trim().split('\n')
    expect(came).to.equal(sent)
  })

  it('shows a new certificate at the next handshake', async () => {
    await using blog = await saying('x')
    await front.route('safe', [blog.target()])
    const seen = async (): Promise<string> => {
      const at = ['--resolve', `safe.test:${String(front.securePort)}:127.0.0.1`]
      const shown = ['-svk', '--http3-only', '--max-time', '20', '-o', '/dev/null', ...at]
      const { stderr } = await run(programs.curl, [...shown, `https://safe.test:${String(front.securePort)}/`])
      return /subject: CN=(\S+)/.exec(stderr)?.[1] ?? stderr
    }
    expect(await seen(), 'the router’s own').to.equal('berth.test')
    for (const name of ['one.example', 'two.example']) {
      await front.store.certificates.put(certificate('c1', [name, 'safe.test'], 'id-safe'))
      await eventually(async () => (await seen()) === name)
    }
  })

  it('answers nothing of a host over a connection that was made for another', async () => {
    await using blog = await saying('x')
    await front.route('made', [blog.target()])
    await front.route('else', [blog.target()])
    await front.store.certificates.put(certificate('c2', ['made.test'], 'id-made'))
    await eventually(async () => (await by3('made.test', { args: ['-H', 'host: else.test'] })).status === 421)
    expect((await by3('made.test')).body).to.equal('x')
    expect((await by3('else.test', { args: ['-H', 'host: made.test'] })).body, 'none was shown').to.equal('x')
  })

  it('keeps its connections over a reload, and others begin with the worker that comes', async () => {
    let finish: () => void = () => undefined
    const begun = Promise.withResolvers<undefined>()
    await using blog = await app((request, response) => {
      if (request.url !== '/slow') return void response.end('x')
      response.write('slow ')
      finish = () => response.end('but whole')
      begun.resolve(undefined)
    })
    await front.route('kept', [blog.target()])
    const slow = by3('kept.test', { path: '/slow' })
    await begun.promise
    const socket = connect(join(front.config.run, 'router', 'haproxy.sock'))
    socket.end('reload\n')
    expect(await text(socket)).to.match(/Success=1/)
    for (let i = 0; i < 5; i++) expect((await by3('kept.test')).body).to.equal('x')
    finish()
    expect((await slow).body).to.equal('slow but whole')
  })

  it('is back at once when it was killed', async () => {
    await using blog = await saying('x')
    await front.route('killed', [blog.target()])
    expect((await by3('killed.test')).body).to.equal('x')
    await front.kill('listening')
    expect((await by3('killed.test')).body).to.equal('x')
  })

  it('counts for what one client may have', async () => {
    const finish: (() => void)[] = []
    await using blog = await app((request, response) => {
      if (request.url !== '/held') return void response.end('x')
      finish.push(() => response.end('held'))
    })
    await front.route('many', [blog.target()])
    const held = Array.from({ length: 8 }, () => by3('many.test', { path: '/held' }))
    await eventually(() => Promise.resolve(finish.length === 8))
    const at = ['--resolve', `many.test:${String(front.securePort)}:127.0.0.1`]
    const { code } = await run(programs.curl, [
      ...['-sSk', '--http3-only', '--max-time', '5', ...at],
      `https://many.test:${String(front.securePort)}/`,
    ])
    expect(code).to.not.equal(0)
    for (const end of finish) end()
    for (const one of held) expect((await one).body).to.equal('held')
    await eventually(async () => (await ask(front, 'many.test').catch(() => ({ body: '' }))).body === 'x')
  })

  it('is not there where nobody wants it', async () => {
    await using other = await startRouter('haproxy', 'source', { BERTH_HTTP3: 'off' })
    await using blog = await saying('x')
    await other.route('plain', [blog.target()])
    // it may not follow yet
    await eventually(async () => (await ask(other, 'plain.test')).body === 'x')
    const { body, headers } = await ask(other, 'plain.test', { secure: true })
    expect(body).to.equal('x')
    expect(headers).to.not.have.property('alt-svc')
    const at = ['--resolve', `plain.test:${String(other.securePort)}:127.0.0.1`]
    const url = `https://plain.test:${String(other.securePort)}/`
    const { code } = await run(programs.curl, ['-sSk', '--http3-only', '--max-time', '5', ...at, url])
    expect(code).to.not.equal(0)
  })
})

describe('what HAProxy says that it can', () => {
  const features = (list: string, version = '3.2.26-1') =>
    `HAProxy version ${version} 2026/10/14 - https://haproxy.org/\nFeature list : -51DEGREES ${list} +RT\n`

  it('is HTTP/3 from 3.2 on, where it was made with QUIC and what that takes', () => {
    expect(hasHttp3(features('+QUIC -QUIC_OPENSSL_COMPAT'))).to.equal(true)
    expect(hasHttp3(features('+QUIC', '4.0.1'))).to.equal(true)
    for (const said of [
      features('-QUIC'),
      features('+QUIC +QUIC_OPENSSL_COMPAT'),
      features('+QUIC', '3.1.9'),
      features('+QUIC', '2.6.12'),
      '',
    ])
      expect(hasHttp3(said), said).to.equal(false)
  })
})
