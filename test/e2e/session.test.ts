import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect } from 'chai'
import { evaluating } from './apps.js'
import { createApp, home, instance, type Instance } from './instance.js'

describe('push an app, see it at its hostname', () => {
  let berth: Instance
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
  })

  it('deploys an app that has nothing of Berth in it, and streams the build', async () => {
    const repo = await berth.repository(evaluating("'hello ' + (process.env.GREETING || 'world')"))
    const name = await createApp(berth, repo, 'blog')
    const push = await repo.push()
    expect(push.code, push.stderr).to.equal(0)
    expect(push.stderr).to.include('remote: -----> Node.js app detected').and.to.include(`http://${name}.localhost`)
    expect(await berth.curl(name)).to.deep.equal({ status: 200, body: 'hello world' })

    const set = await berth.berth(['config:set', 'GREETING=hi', '-a', name])
    expect(set.code, set.stderr).to.equal(0)
    expect(set.stderr).to.match(/v3/)
    expect((await berth.curl(name)).body).to.equal('hello hi')
  })

  it('prints the URL and the git remote, and adds the remote inside a repository', async () => {
    const repo = await berth.repository({ 'index.html': '<h1>hi</h1>' })
    const name = await createApp(berth, repo, 'site')
    const remote = await repo.git('remote', 'get-url', 'berth')
    expect(remote.stdout.trim()).to.equal(`${berth.config.url}/${name}.git`)
    const info = await berth.berth(['apps:info', '-a', name])
    expect(info.stdout).to.include(berth.config.appUrl({ name })).and.to.include(`${name}.git`)
  })

  it('follows the log of a running app', async () => {
    const repo = await berth.repository(evaluating("(console.log('asked for ' + req.url), 'ok')"))
    const name = await createApp(berth, repo, 'talker')
    expect((await repo.push()).code).to.equal(0)
    const logs = spawn(`${home}/bin/berth`, ['logs', '-t', '-a', name], { env: berth.env })
    try {
      const lines = createInterface(logs.stdout)
      const seen = (async () => {
        for await (const line of lines) if (line.includes('asked for /now')) return line
        return 'the log ended'
      })()
      await berth.curl(name, '/now')
      expect(await seen).to.match(/app\[web\.1\]: asked for \/now/)
    } finally {
      logs.kill()
      await once(logs, 'close')
    }
  })

  for (const [folder, detected, answer] of [
    ['hello-node', 'Node.js app detected', /./],
    ['hello-express', 'Node.js app detected', /./],
    ['hello-static', 'Static', /<html/i],
    ['hello-dockerfile', 'Dockerfile', /./],
  ] as const) {
    it(`deploys examples/${folder}`, async function () {
      this.timeout(300_000)
      const repo = await berth.example(folder)
      const name = await createApp(berth, repo, folder)
      const push = await repo.push()
      expect(push.code, push.stderr).to.equal(0)
      expect(push.stderr).to.include(detected)
      const { status, body } = await berth.curl(name)
      expect(status, body).to.equal(200)
      expect(body).to.match(answer)
    })
  }

  it('runs a one-off with the app’s config, and answers with its exit code', async () => {
    const repo = await berth.repository(evaluating("'x'"))
    const name = await createApp(berth, repo, 'oneoff')
    await berth.berth(['config:set', 'COLOUR=blue', '-a', name])
    expect((await repo.push()).code).to.equal(0)
    const out = await berth.berth(['run', '-a', name, '--', 'sh', '-c', 'echo "it is $COLOUR"; exit 7'])
    expect(out.stdout).to.include('it is blue')
    expect(out.code).to.equal(7)
    const piped = await berth.berth(['run', '-a', name, '--', 'wc', '-c'], { input: 'x'.repeat(100_000) })
    expect(piped.stdout.trim()).to.equal('100000')
  })

  it('lists releases and builds, shows a build’s output, and rolls back', async () => {
    const repo = await berth.repository(evaluating("'one'"))
    const name = await createApp(berth, repo, 'rolls')
    expect((await repo.push()).code).to.equal(0)
    await repo.commit(evaluating("'two'"))
    expect((await repo.push()).code).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('two')
    const releases = JSON.parse((await berth.berth(['releases', '--json', '-a', name])).stdout) as { version: number }[]
    expect(releases.map(({ version }) => version)).to.deep.equal([3, 2, 1])
    const back = await berth.berth(['rollback', 'v2', '-a', name])
    expect(back.code, back.stderr).to.equal(0)
    expect((await berth.curl(name)).body).to.equal('one')
    const builds = JSON.parse((await berth.berth(['builds', '--json', '-a', name])).stdout) as { id: string }[]
    expect(builds).to.have.length(2)
    const output = await berth.berth(['builds:output', builds[0]?.id ?? '', '-a', name])
    expect(output.stdout).to.include('Node.js app detected')
  })

  it('renames and destroys an app', async () => {
    const repo = await berth.repository(evaluating("'here'"))
    const name = await createApp(berth, repo, 'old')
    expect((await repo.push()).code).to.equal(0)
    const renamed = `${name}-new`
    expect((await berth.berth(['apps:rename', renamed, '-a', name])).code).to.equal(0)
    expect((await berth.curl(renamed)).body).to.equal('here')
    expect((await berth.curl(name)).status).to.equal(404)
    const refused = await berth.berth(['apps:destroy', '-a', renamed, '--confirm', name])
    expect(refused.code).to.equal(1)
    expect((await berth.curl(renamed)).status).to.equal(200)
    const gone = await berth.berth(['apps:destroy', '-a', renamed, '--confirm', renamed])
    expect(gone.code, gone.stderr).to.equal(0)
    expect((await berth.curl(renamed)).status).to.equal(404)
    expect((await berth.berth(['apps:info', '-a', renamed])).code).to.equal(1)
  })
})
