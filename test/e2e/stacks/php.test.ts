import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

describe('PHP apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('are served by nginx and php-fpm, with their packages and extensions, and repeat no installation for a changed line', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-php')
    const app = await createApp(berth, repo, 'php')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('PHP app detected').and.include('berth ps:scale worker=1')
    expect((await berth.curl(app)).body).to.equal('Hello from PHP\n')
    expect((await berth.curl(app, '/42')).body).to.equal('Hello to forty-two\n')
    const greeting = await readFile(join(repo.dir, 'src/Greeting.php'), 'utf8')
    await repo.commit({ 'src/Greeting.php': greeting.replace('Hello from', 'Hi from') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    // what Composer writes of all classes together
    expect(again.stderr.match(/Running in/g)).to.have.length(1)
    expect((await berth.curl(app)).body).to.equal('Hi from PHP\n')

    const dist = { type: 'zip', url: 'https://packages.invalid/words.zip', reference: 'x' }
    const lock = { packages: [{ name: 'hello/words', version: '1.0.0', dist, type: 'library' }], 'packages-dev': [] }
    await repo.commit({
      'composer.json': JSON.stringify({ require: { 'hello/words': '1.0.0' } }),
      'composer.lock': JSON.stringify(lock),
    })
    const away = await repo.push()
    expect(away.code).to.equal(1)
    expect(away.stderr).to.match(/! {5}packages\.invalid cannot be reached from here.*commit vendor\//)
    expect((await berth.curl(app)).body).to.equal('Hi from PHP\n')
  })

  it('have pretty URLs, files and a database without a framework', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-lamp')
    const app = await createApp(berth, repo, 'lamp')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include(".htaccess is Apache's")
    expect((await berth.curl(app)).body).to.include('Hello from LAMP')
    expect((await berth.curl(app, '/style.css')).body).to.equal('h1 { font-family: sans-serif }\n')
    expect(await berth.curl(app, '/guests', '-L', '-d', 'name=Ada')).to.deep.equal({ status: 200, body: 'Ada\n' })
    expect(await berth.curl(app, '/no/such')).to.deep.equal({ status: 404, body: 'There is no /no/such here\n' })
    expect((await berth.curl(app, '/.htaccess')).status).to.equal(404)
  })
})
