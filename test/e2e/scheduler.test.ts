import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { label } from '../../src/config.js'
import type { BerthError } from '../../src/errors.js'
import { describeScheduler, perlServer, until } from '../scheduler/describe-scheduler.js'
import { setStage } from './scheduler-stage.js'

const size = { memory: 256 * 1024 * 1024, cpus: 1 }

describe('the scheduler', () => {
  const stage = setStage()

  describeScheduler("on Berth's own engine", () =>
    Promise.resolve({
      ...stage.rig,
      scheduler: stage.scheduler,
      [Symbol.asyncDispose]: () => Promise.resolve(), // the stage goes when all tests of it are over
    }),
  )

  it('puts a first release on the air, with what the process is promised', async () => {
    const app = await stage.deployed('first')
    expect(await stage.rig.get(app)).to.deep.equal({ status: 200, body: 'web.1 v2 hello' })
    expect(await stage.states(app)).to.deep.equal(['web.1 up v2'])
    const [one] = await stage.rig.containers(app)
    const info = await stage.rig.docker.getContainer(one?.Id ?? '').inspect()
    expect(info.HostConfig.Memory).to.equal(512 * 1024 * 1024)
    expect(info.HostConfig.PidsLimit).to.equal(1024)
    expect(info.HostConfig.NanoCpus).to.equal(1e9)
  })

  it('lets a request in flight end on the old process', async () => {
    const app = await stage.deployed('slow')
    const asked = stage.rig.get(app, '/slow/3')
    await sleep(200)
    await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, {}))
    expect((await stage.rig.get(app)).body).to.equal('web.1 v3 hello')
    expect(await stage.states(app)).to.include('web.1 draining v2')
    expect(await asked).to.deep.equal({ status: 200, body: 'web.1 v2 hello' })
    await stage.onlyRelease(app, 3, 1)
  })

  const failures: [act: string, message: RegExp, told: RegExp | null][] = [
    ['crash', /^web\.1 crashed: exited with code 3$/, /line 30/],
    ['hang', /^web\.1 did not listen on port 5000 within 6 s$/, null],
    ['hog', /^web\.1 ran out of memory: its limit is 64 MB$/, null],
    ['loopback', /^web\.1 listens on 127\.0\.0\.1:5000 only/, null],
    ['port', /^web\.1 listens on port 3000 but not on port 5000/, null],
    ['500', /^web\.1 answered its check, GET \/, with status 500: oh no$/, /no table/],
  ]
  for (const [act, message, told] of failures)
    it(`says why, and lets the old release serve on: ${act}`, async () => {
      const app = await stage.deployed(`bad-${act}`)
      const formation = act === 'hog' ? { web: { quantity: 1, memory: 64 * 1024 * 1024, cpus: 1 } } : {}
      const release = await stage.rig.release(app, { formation, config: { CODE: perlServer, WORD: 'bad', ACT: act } })
      const error = await stage.rig.deploy(stage.scheduler, app, release).then(
        () => null,
        (e: unknown) => e as BerthError & { told: string[] },
      )
      expect(error?.message).to.match(message)
      if (told) {
        expect(error?.told.join('\n')).to.match(told)
        expect(error?.told.filter((line) => line.startsWith('  ')).length).to.be.within(1, 20)
      }
      expect(await stage.rig.get(app)).to.deep.equal({ status: 200, body: 'web.1 v2 hello' })
      await stage.onlyRelease(app, 2, 1)
    })

  it('names a command that is not there', async () => {
    const app = await stage.rig.app('lost')
    const release = await stage.rig.release(app, { processTypes: { web: 'gunicorn app' } })
    const error = await stage.rig
      .deploy(stage.scheduler, app, release)
      .catch((e: unknown) => e as BerthError & { told: string[] })
    expect(error)
      .to.have.property('message')
      .that.matches(/its command was not found/)
    expect((error as { told: string[] }).told.join('\n')).to.contain('gunicorn')
    expect(await stage.rig.containers(app)).to.deep.equal([])
  })

  it('restarts what crashes, later each time, and keeps the route true', async () => {
    const app = await stage.deployed('crashy')
    for (const crashes of [1, 2]) {
      await stage.rig.get(app, '/die').catch(() => undefined)
      const crashed = await until('the crash on record', async () =>
        (await stage.processes(app)).find((one) => one.state === 'crashed' && one.restarts === crashes),
      )
      expect(crashed.failure).to.match(/exited with code 9/)
      const wait = Date.parse(crashed.until ?? '') - Date.parse(crashed.since ?? '')
      expect(wait).to.equal(1000 * 2 ** (crashes - 1))
      expect((await stage.rig.store.routes.get(app.id))?.targets).to.deep.equal([])
      expect((await stage.rig.get(app)).status).to.equal(503)
      await until('it to be back', async () => (await stage.rig.get(app)).status === 200)
      expect(await stage.states(app)).to.deep.equal(['web.1 up v2'])
    }
  })

  it('replaces workers one after the other, and puts the old one back when the new one crashes', async () => {
    const processTypes = { web: 'perl -e "$CODE"', clock: 'echo tick $WORD; exec sleep 600' }
    const formation = { clock: { quantity: 1, ...size } }
    const app = await stage.deployed('clocks', { processTypes, formation })
    expect(await stage.states(app)).to.deep.equal(['clock.1 up v2', 'web.1 up v2'])
    await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, { processTypes, formation }))
    await stage.onlyRelease(app, 3, 2)

    const broken = { processTypes: { ...processTypes, clock: 'echo no clock; exit 4' }, formation }
    const error = await stage.rig
      .deploy(stage.scheduler, app, await stage.rig.release(app, broken))
      .catch((e: unknown) => e as BerthError)
    expect(error).to.have.property('message', 'clock.1 crashed: exited with code 4')
    await until('the old clock', async () => (await stage.states(app)).join() === 'clock.1 up v3,web.1 up v3')
    expect((await stage.rig.get(app)).body).to.equal('web.1 v3 hello')
  })

  it('leaves nothing of an app that is removed', async () => {
    const app = await stage.deployed('gone', { formation: { web: { quantity: 2, ...size } } })
    await stage.scheduler.remove(await stage.rig.store.apps.get('gone'))
    expect(await stage.rig.containers(app)).to.deep.equal([])
    const networks = await stage.rig.docker.listNetworks({ filters: { label: [`${label.app}=${app.id}`] } })
    expect(networks).to.deep.equal([])
    expect(await stage.rig.store.routes.get(app.id)).to.equal(null)
    expect(await stage.rig.store.redis.keys('processes:*')).to.deep.equal([])
    expect((await stage.rig.get(app)).status).to.equal(404)
    await stage.rig.store.apps.remove(app.id)
  })
})
