import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { must } from '../run.js'
import { answering, crashing, evaluating } from './apps.js'
import { createApp, instance, type Instance } from './instance.js'
import { underLoad } from './load.js'

describe('a deploy', () => {
  let berth: Instance
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
  })

  it('replaces the running version under load without losing a request', async () => {
    const repo = await berth.repository(answering('one'))
    const name = await createApp(berth, repo, 'swap')
    expect((await repo.push()).code).to.equal(0)
    await repo.commit(answering('two'))
    const load = await underLoad(berth, name, 200, async () => {
      const push = await repo.push()
      expect(push.code, push.stderr).to.equal(0)
    })
    expect(load.failures).to.deep.equal([])
    expect(load.answers, 'before and after').to.include.members(['one', 'two'])
    expect((await berth.curl(name)).body).to.equal('two')
  })

  it('sends the engine nothing, and stores what has not changed once', async function () {
    if (!berth.config.ownEngine) this.skip() // another engine is sent an archive
    const engine = join(berth.config.root, 'engine')
    const repo = await berth.repository({ ...answering('one'), 'assets/big': 'x'.repeat(100_000) })
    const name = await createApp(berth, repo, 'shares')
    for (const text of ['one', 'two']) {
      await repo.commit({ ...answering(text), note: text })
      const push = await repo.push()
      expect(push.code, push.stderr).to.equal(0)
    }
    expect((await berth.curl(name)).body).to.equal('two')
    expect(readdirSync(join(engine, 'build/contexts'))).not.to.deep.equal([])
    const layers = join(engine, 'images/layers')
    const found = await must('find', [layers, '-path', '*/assets/big', '-printf', '%i\\n'])
    const inodes = found.split('\n')
    expect(inodes).to.have.length(2)
    expect(new Set(inodes).size).to.equal(1)
    expect(await must('find', [layers, '-name', '.berth.*'])).to.equal('')
  })

  it('leaves the old version up when the push is rejected, and the ref where it was', async () => {
    const repo = await berth.repository(answering('good'))
    const name = await createApp(berth, repo, 'keeps')
    expect((await repo.push()).code).to.equal(0)
    const good = (await repo.git('rev-parse', 'HEAD')).stdout
    await repo.commit(crashing)
    const load = await underLoad(berth, name, 50, async () => {
      const push = await repo.push()
      expect(push.code).to.equal(1)
      expect(push.stderr).to.include('cannot find the database').and.to.include('[remote rejected]')
    })
    expect(load.failures).to.deep.equal([])
    expect(load.answers).to.deep.equal(['good'])
    expect((await repo.git('ls-remote', 'berth', 'refs/heads/main')).stdout.split('\t')[0]).to.equal(good.trim())
    const releases = JSON.parse((await berth.berth(['releases', '--json', '-a', name])).stdout) as { status: string }[]
    expect(releases[0]?.status).to.equal('failed')
  })

  it('goes on when the pusher presses Ctrl-C', async () => {
    const repo = await berth.repository({
      ...answering('finished anyway'),
      Dockerfile: 'FROM node:24-bookworm-slim\nWORKDIR /app\nRUN sleep 3\nCOPY . .\nCMD ["node", "server.js"]\n',
    })
    const name = await createApp(berth, repo, 'ctrlc')
    const push = spawn('git', ['push', 'berth', 'main'], { cwd: repo.dir, env: berth.env, detached: true })
    for await (const chunk of push.stderr) if (String(chunk).includes('sleep 3')) break
    process.kill(-(push.pid ?? 0), 'SIGINT')
    if (push.exitCode === null && push.signalCode === null) await once(push, 'exit')
    const builds = JSON.parse((await berth.berth(['builds', '--json', '-a', name])).stdout) as { id: string }[]
    await berth.berth(['builds:output', builds[0]?.id ?? '', '-f', '-a', name]) // follows until the deploy is over
    expect((await berth.curl(name)).body).to.equal('finished anyway')
    const head = (await repo.git('rev-parse', 'HEAD')).stdout.trim()
    const again = await repo.push()
    expect(again.code, again.stderr).to.equal(0)
    expect((await repo.git('ls-remote', 'berth', 'refs/heads/main')).stdout.split('\t')[0]).to.equal(head)
  })

  it('takes two pushes at once: one runs, the other waits or is told', async () => {
    const slow = { Dockerfile: 'FROM node:24-bookworm-slim\nCOPY . .\nRUN sleep 2\nCMD ["node", "server.js"]\n' }
    const first = await berth.repository({ ...answering('first'), ...slow })
    const name = await createApp(berth, first, 'twice')
    const url = (await first.git('remote', 'get-url', 'berth')).stdout.trim()
    const second = await berth.repository({ ...answering('second'), ...slow })
    for (const [key, value] of (await first.git('config', '--local', '--get-regexp', '^credential')).stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)] as const))
      await second.git('config', '--add', key, value)
    const outcomes = await Promise.all([first.push(), second.git('push', '--force', url, 'main')])
    const served = (await berth.curl(name)).body
    expect(['first', 'second']).to.include(served)
    const tip = (await first.git('ls-remote', 'berth', 'refs/heads/main')).stdout.split('\t')[0]
    const winner = served === 'first' ? first : second
    expect(tip, JSON.stringify(outcomes)).to.equal((await winner.git('rev-parse', 'HEAD')).stdout.trim())
    expect(outcomes[served === 'first' ? 0 : 1].code, JSON.stringify(outcomes)).to.equal(0)
  })

  it('supersedes pushes that still wait when a newer one comes, and tells their pushers', async function () {
    this.timeout(180_000)
    const dockerfile = 'FROM node:24-bookworm-slim\nCOPY . .\nRUN sleep 4\nCMD ["node", "server.js"]\n'
    const texts = ['a', 'b', 'c']
    const repos = await Promise.all(
      texts.map((text) => berth.repository({ ...answering(text), Dockerfile: dockerfile })),
    )
    const [owner] = repos
    if (!owner) throw new Error('no repository')
    const name = await createApp(berth, owner, 'super')
    const url = (await owner.git('remote', 'get-url', 'berth')).stdout.trim()
    const helper = (await owner.git('config', '--get-urlmatch', 'credential.helper', url)).stdout.trim()
    const outcomes = []
    for (const repo of repos) {
      const push = spawn('git', ['-c', `credential.helper=${helper}`, 'push', '--force', url, 'main'], {
        cwd: repo.dir,
        env: berth.env,
      })
      let said = ''
      push.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
      outcomes.push(once(push, 'close').then(([code]) => ({ code: code as number, said })))
      await once(push.stderr, 'data') // the server has taken it up before the next one is sent
    }
    const [a, b, c] = await Promise.all(outcomes)
    expect((await berth.curl(name)).body).to.equal('c')
    expect(b?.code, b?.said).to.equal(1)
    expect(b?.said).to.match(/superseded/)
    expect([a?.code, c?.code], `${a?.said ?? ''}\n${c?.said ?? ''}`).to.satisfy(
      ([, last]: number[]) => last === 0 || last === 1,
    )
  })

  it('scales to 3 and takes turns, and back to 1', async () => {
    const repo = await berth.repository(evaluating('process.env.BERTH_PROCESS'))
    const name = await createApp(berth, repo, 'scale')
    expect((await repo.push()).code).to.equal(0)
    const up = await berth.berth(['ps:scale', 'web=3', '-a', name])
    expect(up.code, up.stderr).to.equal(0)
    const turns = []
    for (let i = 0; i < 9; i++) turns.push((await berth.curl(name)).body)
    expect(turns.filter((turn) => turn === 'web.1')).to.have.length(3)
    expect(new Set(turns)).to.have.keys('web.1', 'web.2', 'web.3')
    expect((await berth.berth(['ps:scale', 'web=1', '-a', name])).code).to.equal(0)
    const after = []
    for (let i = 0; i < 4; i++) after.push((await berth.curl(name)).body)
    expect(after).to.deep.equal(['web.1', 'web.1', 'web.1', 'web.1'])
    // those taken away end in the background: SIGTERM, and at most 10 s of grace
    const deadline = Date.now() + 20_000
    let left: unknown[]
    do left = JSON.parse((await berth.berth(['ps', '--json', '-a', name])).stdout) as unknown[]
    while (left.length > 1 && Date.now() < deadline)
    expect(left).to.have.length(1)
  })
})
