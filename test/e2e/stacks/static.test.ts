import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import { eventually } from '../engine/harness.js'
import { createApp, instance, type Instance, type Repository } from '../instance.js'
import { patience } from './example.js'

describe('static sites, pushed', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  const push = async (repo: Repository): Promise<string> => {
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    return stderr
  }
  /** Status and headers of a GET, names in small letters. */
  const head = async (app: string, path: string, ...args: string[]): Promise<string> =>
    (await berth.curl(app, path, '-D', '-', '-o', '/dev/null', ...args)).body.toLowerCase()

  it('change their ETag with a byte of the same length', async function () {
    this.timeout(patience)
    const repo = await berth.repository({ 'index.html': 'one' })
    const app = await createApp(berth, repo, 'etag')
    await push(repo)
    const etag = async (path: string): Promise<string> => /^etag: (.*?)\r?$/m.exec(await head(app, path))?.[1] ?? 'none'
    const page = await etag('/')
    expect((await berth.curl(app, '/', '-H', `If-None-Match: ${page}`)).status).to.equal(304)
    await repo.commit({ 'index.html': 'two' })
    await push(repo)
    expect(await berth.curl(app, '/', '-H', `If-None-Match: ${page}`)).to.deep.equal({ status: 200, body: 'two' })
  })

  it('deploy examples/static-site as its static.json says, and end what they answer before they go', async function () {
    this.timeout(patience)
    const repo = await berth.example('static-site')
    await repo.commit({ 'site/large.txt': 'x'.repeat(3_000_000) })
    const app = await createApp(berth, repo, 'site')
    expect(await push(repo)).to.include('Note: serving site/')
    expect((await berth.curl(app, '/about')).body).to.include('<title>About')
    expect(await berth.curl(app, '/gone.png')).to.have.property('status', 404)
    expect((await berth.curl(app, '/gone.png')).body).to.include('<title>Not here')
    const folder = await head(app, '/guide')
    expect(folder)
      .to.match(/^http\/1.1 301/)
      .and.to.match(/^location: \/guide\/\r?$/m)
    expect(await head(app, '/handbook')).to.match(/^location: \/guide\/\r?$/m)
    expect(await head(app, '/')).to.match(/^x-frame-options: deny\r?$/m)

    const download = spawn('curl', [
      ...['-sS', '--fail', '--limit-rate', '1M', '-o', '/dev/null', '-w', '%{size_download}'],
      `http://${berth.config.appHost(app)}:${String(berth.config.httpPort)}/large.txt`,
    ])
    let size = ''
    download.stdout.on('data', (chunk: Buffer) => (size += chunk.toString()))
    const over = once(download, 'close')
    await repo.commit({ 'site/index.html': 'second' })
    await push(repo)
    expect((await berth.curl(app, '/')).body).to.equal('second')
    expect([await over, size]).to.deep.equal([[0, null], '3000000'])
  })

  it('refuse what ModSecurity takes for an attack, where static.json asks for it', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      'index.html': 'page',
      '404.html': 'lost',
      'static.json': '{"root": ".", "modsecurity": true}',
    })
    const app = await createApp(berth, repo, 'guarded')
    await push(repo)
    expect(await berth.curl(app, '/?q=rain+in+Spain')).to.deep.equal({ status: 200, body: 'page' })
    expect(await berth.curl(app, '/none')).to.deep.equal({ status: 404, body: 'lost' })
    expect((await berth.curl(app, '/?q=%3Cscript%3Ealert(1)%3C/script%3E')).status).to.equal(406)
    expect((await berth.curl(app, '/none?file=../../etc/passwd')).status).to.equal(406)
    const said = async () => (await berth.berth(['logs', '-a', app])).stdout
    await eventually(async () => (await said()).includes('ModSecurity: Access denied with code 406'), 'a line about it')
  })

  it('that a build makes are served as their files say', async function () {
    this.timeout(patience)
    const repo = await berth.repository({
      'package.json': JSON.stringify({ scripts: { build: 'cp -r public dist' } }),
      'public/index.html': 'built',
      'public/_headers': '/*\n  X-Built: yes\n',
    })
    const app = await createApp(berth, repo, 'built')
    await push(repo)
    expect((await berth.curl(app, '/')).body).to.equal('built')
    expect(await head(app, '/')).to.match(/^x-built: yes\r?$/m)
    expect(await berth.curl(app, '/_headers')).to.have.property('status', 404)
  })

  it('ask for the password that the config vars have, and say when they have none', async function () {
    this.timeout(patience)
    const repo = await berth.repository({ 'index.html': 'secret', 'static.json': '{"root": ".", "basic_auth": true}' })
    const app = await createApp(berth, repo, 'auth')
    const refused = await repo.push()
    expect(refused.code).not.to.equal(0)
    expect(refused.stderr).to.include('set BASIC_AUTH_USERNAME and BASIC_AUTH_PASSWORD')
    const set = await berth.berth(['config:set', 'BASIC_AUTH_USERNAME=ann', 'BASIC_AUTH_PASSWORD=a;"b$', '-a', app])
    expect(set.code, set.stderr).to.equal(0)
    await push(repo)
    expect((await berth.curl(app, '/')).status).to.equal(401)
  })
})
