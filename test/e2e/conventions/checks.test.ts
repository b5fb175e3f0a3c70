import { expect } from 'chai'
import { patience } from '../../patience.js'
import { handling } from '../apps.js'
import { createApp, instance, type Instance } from '../instance.js'

const checked = (...checks: object[]): { 'app.json': string } => ({
  'app.json': JSON.stringify({ healthchecks: { web: checks } }),
})

/** Answers at /up and at / ; asked for /hang it answers nothing from then on but to /ok. */
const app = handling(`
  if (req.url === '/hang') global.hangs = true
  if (req.url === '/up' && global.hangs) return
  if (req.url === '/busy') { global.busy = true; setTimeout(() => { global.busy = false }, 6000) }
  if (req.url === '/ready' && global.busy) { res.statusCode = 503; return void res.end('busy') }
  res.statusCode = req.url === '/missing' ? 404 : 200
  res.end(req.url === '/missing' ? 'not\\u001b[2J here' : String(process.pid) + require('fs').readFileSync('/proc/self/stat', 'utf8').split(' ')[21])
`)

describe('checks', function () {
  this.timeout(180_000 * patience)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })
  const ok = async (...words: string[]): Promise<string> => (await berth.succeed(...words)).stdout

  it('of app.json gate a push, say what was asked and what came, and are overruled by command', async () => {
    const repo = await berth.repository({
      ...app,
      ...checked({ name: 'page', path: '/missing', attempts: 2, wait: 1 }),
    })
    const name = await createApp(berth, repo, 'checked')
    const refused = await repo.push()
    expect(refused.code).to.equal(1)
    expect(refused.stderr)
      .to.include(
        'web.1 failed its check "page", GET /missing on port 5000, 2 times: status 404, and 200-399 passes: not here',
      )
      .and.include('the check is in app.json: another is set with `berth checks:set path=… status=…`')

    await ok('checks:set', 'status=404', '-a', name)
    const pushed = await repo.push()
    expect(pushed.code, pushed.stderr).to.equal(0)
    expect(await ok('checks:run', '-a', name)).to.match(
      /web\.1 +passed +\d+ ms +GET \/missing on port 5000: status 404/,
    )
    await ok('checks:set', 'path=/up', 'content=nobody writes this', '-a', name)
    const { code, stdout } = await berth.berth(['checks:run', 'web', '-a', name])
    expect([code, stdout]).to.deep.equal([1, stdout])
    expect(stdout).to.match(/web\.1 +FAILED .*status 200|FAILED .*status 200, and 404 passes/)
    await ok('checks:unset', '-a', name)

    await repo.commit(checked({ command: ['node', '-e', 'console.error("no queue"); process.exit(3)'], attempts: 1 }))
    const bad = await repo.push()
    expect(bad.code).to.equal(1)
    expect(bad.stderr).to.match(/web\.1 failed its check, the command node -e .*: exit code 3: no queue/)
    await ok('checks:disable', 'web', '-a', name)
    const unchecked = await repo.push()
    expect(unchecked.code, unchecked.stderr).to.equal(0)
    expect((await berth.curl(name)).status).to.equal(200)
  })

  it('of what runs have a sick process replaced, by one that serves first', async () => {
    const repo = await berth.repository({ ...app, 'app.json': '{}' })
    const name = await createApp(berth, repo, 'alive')
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
    const before = (await berth.curl(name)).body
    await ok('checks:set', '--liveness', 'path=/up', 'attempts=2', 'wait=1', 'timeout=1', '-a', name)
    await berth.curl(name, '/hang')
    const answers: number[] = []
    while ((await berth.curl(name)).body === before) answers.push((await berth.curl(name)).status)
    expect(answers.length).to.be.greaterThan(0)
    expect(new Set(answers)).to.deep.equal(new Set([200]))
    expect(await ok('ps', '-a', name)).to.match(
      /web\.1: +up .*in place of one that failed its liveness check, GET \/up on port 5000, 2 times in a row: did not answer within 1 s/,
    )
    expect(await ok('logs', '-p', 'web', '-n', '1000', '-a', name))
      .to.match(/ berth\[web\.1\]: failed its liveness check, GET \/up on port 5000, 2 times in a row/)
      .and.match(/ berth\[web\.1\]: was replaced by a new one/)
    expect(await ok('releases', '-a', name)).to.not.include('v3')

    // one that is not ready gets no requests, and is the same process when it is again
    await ok('checks:set', '--readiness', 'path=/ready', 'attempts=1', 'wait=1', '-a', name)
    const { body } = await berth.curl(name, '/busy')
    const until = async (status: number): Promise<string> => {
      for (;;) {
        const answer = await berth.curl(name)
        if (answer.status === status) return answer.body
      }
    }
    expect(await until(503)).to.include('is not ready right now')
    expect(await ok('ps', '-a', name)).to.match(/web\.1: +unready .*failed its readiness check, GET \/ready/)
    expect(await until(200)).to.equal(body)
    expect(await ok('logs', '-p', 'web', '-n', '1000', '-a', name)).to.match(/ berth\[web\.1\]: is ready/)
  })
})
