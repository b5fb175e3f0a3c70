import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { instance, type Instance } from '../instance.js'
import { patience, pushed, pushedExample } from './example.js'

describe('Sites that npm packages build', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('have Bootstrap from npm', async function () {
    this.timeout(patience)
    const { app, said } = await pushedExample(berth, await berth.example('bootstrap-site'))
    expect(said).to.include('serving dist/')
    expect((await berth.curl(app)).body).to.include('<h1 class="display-4">Hello from Bootstrap</h1>')
    expect((await berth.curl(app, '/bootstrap.min.css')).body).to.match(/Bootstrap +v5\.3\.9/)
  })

  it('of Vite answer for what the page routes, and install nothing again for a changed line', async function () {
    this.timeout(patience)
    const { repo, app, said } = await pushedExample(berth, await berth.example('hello-vite'))
    expect(said).to.include('Built with Vite; serving dist/')
    const page = await berth.curl(app, '/greet/Ada')
    expect(page.status).to.equal(200)
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(page.body)?.[1] ?? 'none'
    expect((await berth.curl(app, script)).body).to.include('Hello from Vite')
    const text = await readFile(join(repo.dir, 'main.js'), 'utf8')
    await repo.commit({ 'main.js': text.replace('Hello from', 'Hi from') })
    expect(await pushed(berth, repo)).not.to.match(/added \d+ packages/)
    const [, changed = 'none'] = /src="(\/assets\/[^"]+\.js)"/.exec((await berth.curl(app)).body) ?? []
    expect(changed).not.to.equal(script)
    expect((await berth.curl(app, changed)).body).to.include('Hi from Vite')
    await repo.commit({ 'main.js': "import 'no-such-package'\n" })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(/no-such-package/)
    expect((await berth.curl(app, changed)).body).to.include('Hi from Vite')
  })

  it('of Astro are its pages', async function () {
    this.timeout(patience)
    const { app, said } = await pushedExample(berth, await berth.example('hello-astro'))
    expect(said).to.include('Built with Astro; serving dist/')
    expect((await berth.curl(app)).body).to.include('<h1>Hello from Astro</h1>')
  })
})
