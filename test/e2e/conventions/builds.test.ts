import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { patience } from '../../patience.js'
import { answering } from '../apps.js'
import { createApp, startInstance, type Instance } from '../instance.js'
import { underLoad } from '../load.js'

describe('builds', function () {
  this.timeout(240_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await startInstance({ settings: { BERTH_BUILD_MEMORY: '300' } })
  })
  after(() => berth[Symbol.asyncDispose]())
  const ok = async (...words: string[]): Promise<string> => {
    const { stdout, stderr } = await berth.succeed(...words)
    return stdout + stderr
  }
  const status = async (app: string) =>
    (JSON.parse((await berth.berth(['builds', '-a', app, '--json'])).stdout) as { status: string }[])[0]?.status

  it('that take all they get are ended with words, and a running app misses no request', async () => {
    const repo = await berth.repository(answering('steady'))
    const steady = await createApp(berth, repo, 'steady')
    expect((await repo.push()).code).to.equal(0)
    const greedy = await berth.repository({
      Dockerfile: `FROM node:24-bookworm-slim
RUN for i in 1 2 3 4 5 6 7 8; do timeout 5 sh -c 'while :; do :; done' & done; wait; \\
  node -e "const all = []; for (;;) all.push(Buffer.alloc(16e6, 1))"\n`,
    })
    await createApp(berth, greedy, 'greedy')
    const load = await underLoad(berth, steady, 20, async () => {
      const { code, stderr } = await greedy.push()
      expect(code).to.equal(1)
      expect(stderr).to.match(/it ran out of memory when it had \d+ MiB: a build may take 300 MiB/)
    })
    expect(load.failures).to.deep.equal([])
    expect(load.sent).to.be.above(50)
  })

  it('are cancelled while their release command runs, and begin anew without their cache', async () => {
    const files = (text: string) => ({
      ...answering(text),
      'package.json': JSON.stringify({ scripts: { build: 'echo built here', start: 'node server.js' } }),
    })
    const repo = await berth.repository(files('one'))
    const app = await createApp(berth, repo, 'phases')
    expect((await repo.push()).stderr).to.include('built here')
    expect(await ok('ps:rebuild', '-a', app)).to.not.include('built here')
    expect(await ok('builds:cache:purge', '-a', app)).to.include(`Purged the build cache of ${app}`)
    await ok('ps:rebuild', '-a', app)
    expect(await ok('builds:output', '-a', app)).to.include('built here')

    await repo.commit({ ...files('two'), Procfile: 'web: node server.js\nrelease: echo migrating; sleep 600\n' })
    const push = repo.push()
    while ((await status(app)) !== 'releasing') await delay(100)
    expect(await ok('builds:cancel', '-a', app)).to.match(/\.\.\. done/)
    const { code, stderr } = await push
    expect(code).to.equal(1)
    expect(stderr).to.match(/! {5}cancelled by /)
    expect((await berth.curl(app)).body).to.equal('one')
    expect(await status(app)).to.equal('cancelled')
  })
})
