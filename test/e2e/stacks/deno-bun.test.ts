import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { createApp, instance, type Instance } from '../instance.js'
import { patience } from './example.js'

describe('Deno and Bun apps', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('run by Deno with the rights of their task, and fetch nothing for a changed line', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-deno')
    const app = await createApp(berth, repo, 'deno')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Deno app detected').and.include('npm:hono 4')
    expect((await berth.curl(app)).body).to.equal('Hello from Deno\n')
    expect(await berth.curl(app, '/passwd')).to.deep.equal({ status: 403, body: 'NotCapable\n' })
    const text = await readFile(join(repo.dir, 'main.ts'), 'utf8')
    await repo.commit({ 'main.ts': text.replace("'Hello'", "'Hi'") })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr).not.to.include('npm:hono 4')
    expect((await berth.curl(app)).body).to.equal('Hi from Deno\n')
    await repo.commit({ 'main.ts': text.replace("from 'hono'", "from 'npm:hono@^3'") })
    const stale = await repo.push()
    expect(stale.code).to.equal(1)
    expect(stale.stderr).to.match(/! {5}deno\.lock does not match what is imported/)
    await repo.commit({ 'main.ts': `import 'http://127.0.0.1:9/x.ts'\n${text}` })
    const away = await repo.push()
    expect(away.code).to.equal(1)
    expect(away.stderr).to.match(/! {5}http:\/\/127\.0\.0\.1:9\/x\.ts cannot be had/)
    expect((await berth.curl(app)).body).to.equal('Hi from Deno\n')
  })

  it('are installed, built and run by Bun in an image without Node.js', async function () {
    this.timeout(patience)
    const repo = await berth.example('hello-bun')
    const app = await createApp(berth, repo, 'bun')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('Bun app detected')
    expect((await berth.curl(app)).body).to.match(/^Hello from Bun 1\.\d/)
    expect((await berth.curl(app, '/page.js')).body).to.include('built by Bun')
    const inside = await berth.berth(['run', 'ls node_modules; which node || echo none', '-a', app])
    expect(inside.stdout)
      .to.match(/hono\s+none/)
      .and.not.include('typescript')
    const text = await readFile(join(repo.dir, 'src/page.ts'), 'utf8')
    await repo.commit({ 'src/page.ts': text.replace('built', 'made') })
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect(again.stderr.match(/packages? installed/g)).to.equal(null)
    expect((await berth.curl(app, '/page.js')).body).to.include('made by Bun')
    const manifest = await readFile(join(repo.dir, 'package.json'), 'utf8')
    await repo.commit({ 'package.json': manifest.replace('"hono"', '"ms": "^2", "hono"') })
    const stale = await repo.push()
    expect(stale.code).to.equal(1)
    expect(stale.stderr).to.match(/! {5}bun: lockfile had changes, but lockfile is frozen/)
  })
})
