import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { label } from '../../src/config.js'
import { perlServer, until } from '../scheduler/describe-scheduler.js'
import { setStage } from './scheduler-stage.js'
import { typescript } from '../run.js'

const size = { memory: 256 * 1024 * 1024, cpus: 1 }
const never = new AbortController().signal
const quiet = () => undefined

describe('the scheduler recovers', () => {
  const stage = setStage()

  describe('when the worker is killed', () => {
    it('takes up a roll-out that was killed in the middle, using what it had started', async () => {
      const app = await stage.deployed('cut')
      // slow to listen, so that the kill comes in between
      const code = `sleep 3; ${perlServer}`
      const release = await stage.rig.release(app, { config: { CODE: code, WORD: 'cut' } })
      const operation = await stage.rig.store.operations.create(app.id, { kind: 'push', commit: 'x', branch: 'main' })
      await stage.rig.store.operations.update(operation.id, { status: 'releasing', release: release.version })
      const main = fileURLToPath(new URL('./scheduler-worker.ts', import.meta.url))
      const env = { ...process.env, ...stage.rig.config.env, BERTH_LOG: 'silent' }
      const args = [typescript, main, app.name, String(release.version)]
      const worker = spawn(process.execPath, args, { env, stdio: 'inherit' })
      const started = await until('the new process', async () =>
        (await stage.rig.containers(app)).find((one) => one.Labels[label.release] === '3' && one.State === 'running'),
      )
      worker.kill('SIGKILL')
      await once(worker, 'exit')
      expect((await stage.rig.get(app)).body).to.equal('web.1 v2 hello')

      const next = stage.rig.scheduler()
      await next.start()
      expect((await stage.rig.containers(app)).map((one) => one.Id)).to.include(started.Id)
      expect((await stage.rig.get(app)).body).to.equal('web.1 v2 hello')
      await stage.rig.deploy(next, app, release)
      await stage.rig.store.operations.update(operation.id, { status: 'succeeded' })
      expect((await stage.rig.get(app)).body).to.equal('web.1 v3 cut')
      await stage.onlyRelease(app, 3, 1)
      expect((await stage.ids(app)).get('web.1')).to.equal(started.Id)
      await next.stop()
    })

    it('removes what a roll-out left behind that nobody resumes, and keeps the switch that was made', async () => {
      const app = await stage.deployed('halves')
      const release = await stage.rig.release(app, { config: { CODE: perlServer, WORD: 'new' } })
      // killed after the switch, before the deploy was written down as done
      await stage.scheduler.rollOut(await stage.rig.store.apps.get(app.name), release, { log: quiet, signal: never })
      const next = stage.rig.scheduler()
      await next.start()
      await stage.onlyRelease(app, 3, 1)
      expect((await stage.rig.get(app)).body).to.equal('web.1 v3 new')
      // the deploy failed after all: back to what is current
      await stage.rig.store.releases.put({ ...release, status: 'failed' })
      await next.refreshRoute(app)
      await until('the current release', async () => (await stage.rig.get(app)).body === 'web.1 v2 hello')
      await stage.onlyRelease(app, 2, 1)
      await next.stop()
    })
  })

  describe('when the engine is killed', () => {
    it('finishes the roll-out when it is back', async () => {
      const app = await stage.deployed('away')
      const code = `sleep 2; ${perlServer}`
      const release = await stage.rig.release(app, { config: { CODE: code, WORD: 'back' } })
      const rolled = stage.rig.deploy(stage.scheduler, app, release)
      rolled.catch(() => undefined)
      await until(
        'the new process',
        async () => (await stage.ids(app)).size === 1 && (await stage.rig.containers(app)).length === 2,
      )
      await stage.rig.wire.cut()
      expect((await stage.rig.get(app)).body).to.equal('web.1 v2 hello')
      await sleep(3000)
      await stage.rig.wire.join()
      await rolled
      expect((await stage.rig.get(app)).body).to.equal('web.1 v3 back')
      await stage.onlyRelease(app, 3, 1)
    })

    it('sees afterwards what died meanwhile', async () => {
      const app = await stage.deployed('unseen')
      await stage.rig.wire.cut()
      const [one] = await stage.rig.containers(app)
      await stage.rig.docker.getContainer(one?.Id ?? '').kill()
      expect((await stage.processes(app)).map((p) => p.state)).to.deep.equal(['down'])
      await stage.rig.wire.join()
      await until('it to be back', async () => (await stage.rig.get(app)).status === 200)
    })
  })

  it('starts everything afresh after a reboot', async () => {
    const app = await stage.deployed('boots', { formation: { web: { quantity: 2, ...size } } })
    await stage.scheduler.stop()
    for (const one of await stage.rig.containers(app)) await stage.rig.docker.getContainer(one.Id).kill()
    stage.scheduler = stage.rig.scheduler()
    await stage.scheduler.start()
    await until('it to be back', async () => (await stage.rig.get(app)).status === 200)
    await until('both', async () => (await stage.states(app)).join() === 'web.1 up v2,web.2 up v2')
  })
})
