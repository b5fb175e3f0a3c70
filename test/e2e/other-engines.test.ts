import { expect } from 'chai'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { evaluating, crashing } from './apps.js'
import { dockerd, podman, type ForeignEngine } from './foreign.js'
import { cache, createApp, instance, startInstance, type Instance } from './instance.js'
import { describeScheduler } from '../scheduler/describe-scheduler.js'
import { openGround } from './scheduler-rig.js'

/** The wall from its other side: the platform knows an engine only by its Docker API. */
for (const [name, open] of [
  ['dockerd', dockerd],
  ['podman', podman],
] as const)
  describe(`the platform on ${name}`, () => {
    let engine: ForeignEngine | undefined
    let berth: Instance | undefined
    before(async function () {
      this.timeout(300_000)
      const base = join(cache, 'debian-bookworm-slim.tar')
      if (!existsSync(base)) await instance() // Berth's own engine makes it
      engine = await open(base)
      berth = await startInstance({ settings: { BERTH_ENGINE: `unix://${engine.socket}` } })
    })
    after(async function () {
      this.timeout(120_000)
      await berth?.[Symbol.asyncDispose]()
      await engine?.[Symbol.asyncDispose]()
    })

    describeScheduler('with the local scheduler', () => {
      if (!engine) throw new Error('there is no engine')
      return openGround(engine.socket)
    })

    it('deploys, replaces, refuses what crashes, runs one-offs and destroys', async function () {
      this.timeout(300_000)
      if (!berth) throw new Error('there is no Berth')
      const repo = await berth.repository(evaluating("'hello ' + process.env.GREETING"))
      const app = await createApp(berth, repo, 'else')
      expect((await berth.berth(['config:set', 'GREETING=you', '-a', app])).code).to.equal(0)
      const push = await repo.push()
      expect(push.code, push.stderr).to.equal(0)
      expect(push.stderr).to.include('Node.js app detected').and.to.match(/COPY/)
      expect(await berth.curl(app)).to.deep.equal({ status: 200, body: 'hello you' })

      await repo.commit(evaluating("'second'"))
      const second = await repo.push()
      expect(second.code, second.stderr).to.equal(0)
      expect((await berth.curl(app)).body).to.equal('second')

      await repo.commit(crashing)
      const refused = await repo.push()
      expect(refused.code).to.not.equal(0)
      expect(refused.stderr).to.include('cannot find the database')
      expect((await berth.curl(app)).body).to.equal('second')

      const scaled = await berth.berth(['ps:scale', 'web=2', '-a', app])
      expect(scaled.code, scaled.stderr).to.equal(0)
      const once = await berth.berth(['run', 'echo "on $BERTH_APP"', '-a', app])
      expect(once.stdout).to.equal(`on ${app}\n`)
      expect((await berth.berth(['logs', '-n', '5', '-a', app])).code).to.equal(0)
      const gone = await berth.berth(['apps:destroy', '-a', app, '--confirm', app])
      expect(gone.code, gone.stderr).to.equal(0)
    })
  })
