import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { instance, type Instance } from '../instance.js'
import { patience, pushed, pushedExample } from './example.js'

describe('Frameworks on Node.js', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('Next.js runs the server that it puts together, and sees config vars', async function () {
    this.timeout(patience)
    const { app, said } = await pushedExample(berth, await berth.example('hello-next'))
    expect(said).to.include('Node.js app (Next.js) detected')
    expect((await berth.curl(app)).body).to.match(/Hello(?:<!-- -->)? from Next\.js/)
    expect((await berth.berth(['config:set', 'GREETING=Good morning', '-a', app])).code).to.equal(0)
    expect((await berth.curl(app)).body).to.match(/Good morning(?:<!-- -->)? from Next\.js/)
  })

  it('SvelteKit renders on the server', async function () {
    this.timeout(patience)
    const { app, said } = await pushedExample(berth, await berth.example('hello-sveltekit'))
    expect(said).to.include('Built with SvelteKit; running `node build`')
    expect((await berth.curl(app, '/?name=Ada')).body).to.include('Hello from Ada')
  })

  it('NestJS runs what its build has made, and installs nothing again for a changed line', async function () {
    this.timeout(patience)
    const { repo, app, said } = await pushedExample(berth, await berth.example('hello-nest'))
    expect(said).to.include('running `node dist/main`')
    expect((await berth.curl(app)).body).to.equal('{"greeting":"Hello from NestJS"}')
    expect((await berth.curl(app, '/Ada')).body).to.equal('{"greeting":"Hello Ada"}')
    const file = 'src/app.module.ts'
    const text = await readFile(join(repo.dir, file), 'utf8')
    await repo.commit({ [file]: text.replace('`Hello', '`Hi') })
    expect(await pushed(berth, repo)).not.to.match(/added \d+ packages/)
    expect((await berth.curl(app, '/Ada')).body).to.equal('{"greeting":"Hi Ada"}')
    await repo.commit({ [file]: text.replace('`Hello ${name}`', 'nme') })
    const wrong = await repo.push()
    expect(wrong.code).to.equal(1)
    expect(wrong.stderr).to.match(/src\/app\.module\.ts.*\d+.*nme/)
    expect((await berth.curl(app, '/Ada')).body).to.equal('{"greeting":"Hi Ada"}')
  })
})
