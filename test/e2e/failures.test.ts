import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as apps from './apps.js'
import { createApp, instance, type Instance } from './instance.js'

describe('a release that is sick is refused, and the pusher reads why', () => {
  let berth: Instance
  before(async function () {
    this.timeout(300_000)
    berth = await instance()
  })

  const cases: readonly [string, Record<string, string>, RegExp[]][] = [
    ['crashes', apps.crashing, [/exit(ed)? (with )?(code|status)? ?3/i, /cannot find the database/]],
    ['never listens', apps.neverListening, [/(never|not|nothing) listen/i, /PORT/]],
    ['listens on another port', apps.onAnotherPort, [/4321/, /PORT/]],
    ['listens on 127.0.0.1 only', apps.onLoopback, [/127\.0\.0\.1/, /0\.0\.0\.0/]],
    ['runs out of memory', apps.hungry, [/memory/i, /512/]],
    ['answers its check with 500', apps.answering500, [/500/, /no such table: users/]],
  ]
  const pushes = new Map<string, ReturnType<typeof refused>>()
  const refused = async (files: Record<string, string>) => {
    const repo = await berth.repository(files)
    const name = await createApp(berth, repo, 'sick')
    return { name, push: await repo.push() }
  }
  // all at once: most of them are waited for until a deadline
  before(() => {
    for (const [what, files] of cases) {
      const push = refused(files)
      push.catch(() => undefined) // told where it is awaited
      pushes.set(what, push)
    }
  })
  for (const [what, files, patterns] of cases)
    it(`an app that ${what}`, async function () {
      this.timeout(300_000)
      const { name, push } = await (pushes.get(what) ?? refused(files))
      expect(push.code, push.stderr).to.equal(1)
      for (const pattern of patterns) expect(push.stderr).to.match(pattern)
      expect(push.stderr).to.include('[remote rejected]')
      expect((await berth.curl(name)).status).to.equal(503)
    })

  it('restarts a process that crashes later, with back-off, and serves again', async function () {
    this.timeout(120_000)
    const repo = await berth.repository(
      apps.handling("if (req.url === '/die') process.exit(9); res.end(process.env.BERTH_PROCESS)"),
    )
    const name = await createApp(berth, repo, 'phoenix')
    expect((await repo.push()).code).to.equal(0)
    const crash = await berth.curl(name, '/die')
    expect(crash.status).to.equal(502)
    await untilServed(berth, name)
    expect((await berth.curl(name)).body).to.equal('web.1')
  })

  it('shows a crash loop in ps and answers 503 meanwhile', async function () {
    this.timeout(120_000)
    const start = "require('fs').existsSync('/tmp/x') || require('http')"
    const repo = await berth.repository(
      apps.running(`${start}.createServer((q, s) => { s.end('once'); if (q.url === '/die') setTimeout(() => process.exit(1), 50) }).listen(process.env.PORT)
      if (process.env.BROKEN) process.exit(1)\n`),
    )
    const name = await createApp(berth, repo, 'loop')
    expect((await repo.push()).code).to.equal(0)
    const deadline = Date.now() + 60_000
    let states = ''
    // each crash makes the next pause longer, until it is long enough to be seen
    while (Date.now() < deadline && !/crashed|back-?off/i.test(states)) {
      await berth.curl(name, '/die')
      states = (await berth.berth(['ps', '-a', name])).stdout
    }
    expect(states).to.match(/crashed|back-?off/i)
    const { status, body } = await berth.curl(name)
    expect(status).to.equal(503)
    expect(body).to.match(/is not running right now/)
  })
})

async function untilServed(berth: Instance, name: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while ((await berth.curl(name)).status !== 200) {
    if (Date.now() > deadline) throw new Error(`${name} was not served again`)
    await sleep(100)
  }
}
