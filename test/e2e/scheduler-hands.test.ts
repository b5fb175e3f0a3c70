import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import { expect } from 'chai'
import { networkOf } from '../../src/scheduler/settings.js'
import type { App } from '../../src/store/apps.js'
import { perlServer, until } from '../scheduler/describe-scheduler.js'
import { setStage } from './scheduler-stage.js'

const size = { memory: 256 * 1024 * 1024, cpus: 1 }
const formation = { web: { quantity: 2, ...size }, worker: { quantity: 1, ...size } }
const processTypes = { web: 'perl -e "$CODE"', worker: 'sleep 1000' }

/** What somebody with the engine's client can do to a container. */
const deeds: Readonly<Record<string, (container: Docker.Container, docker: Docker, app: App) => Promise<unknown>>> = {
  'restart twice': async (one) => {
    await one.restart({ t: 0 })
    await one.restart({ t: 0 })
  },
  stop: (one) => one.stop({ t: 1 }),
  kill: (one) => one.kill(),
  'stop and start': async (one) => {
    await one.stop({ t: 1 })
    await sleep(300)
    await one.start()
  },
  pause: (one) => one.pause(),
  rm: (one) => one.remove({ force: true }),
  rename: (one) => one.rename({ name: `by-hand-${one.id.slice(0, 8)}` }),
  update: (one) => one.update({ RestartPolicy: { Name: 'always' } }).then(() => one.kill()),
  'network disconnect': (one, docker, app) =>
    docker.getNetwork(networkOf(app.id)).disconnect({ Container: one.id, Force: true }),
  'network disconnect and connect': async (one, docker, app) => {
    const network = docker.getNetwork(networkOf(app.id))
    await network.disconnect({ Container: one.id, Force: true })
    // the scheduler may have been quicker
    await network.connect({ Container: one.id }).catch(() => undefined)
  },
}

describe('what somebody does to containers by hand', () => {
  const stage = setStage()

  const settled = (app: App, version: number) =>
    until(
      'the app to be as it should',
      async () => {
        const states = (await stage.states(app)).join()
        if (states !== [`web.1`, 'web.2', 'worker.1'].map((name) => `${name} up v${version}`).join()) return false
        const route = await stage.rig.store.routes.get(app.id)
        const running = (await stage.rig.containers(app)).filter((one) => one.State === 'running')
        return route?.targets.length === 2 && running.length === 3 && (await stage.rig.get(app)).status === 200
      },
      40_000,
    )

  /** Lines logged while nothing happens: a loop that spins says so again and again. */
  const quiet = async () => {
    const before = stage.rig.lines.length
    await sleep(1_500)
    expect(stage.rig.lines.slice(before).join('')).to.equal('')
  }

  for (const [name, deed] of Object.entries(deeds))
    it(`does not last: ${name}`, async () => {
      const app = await stage.deployed('hands', { processTypes, formation })
      await settled(app, 2)
      const all = await stage.rig.containers(app)
      await Promise.all(all.map((one) => deed(stage.rig.docker.getContainer(one.Id), stage.rig.docker, app)))
      await settled(app, 2)
      await quiet()
    })

  it('does not last where it happens during a roll-out, or while nobody watches', async () => {
    const app = await stage.deployed('rolling', { processTypes, formation })
    for (const name of ['restart', 'rm']) {
      const release = await stage.rig.release(app, {
        processTypes,
        config: { CODE: `sleep 1; ${perlServer}`, WORD: name },
      })
      const rolled = stage.rig.deploy(stage.scheduler, app, release).catch(() => undefined)
      await until('a new process', async () => (await stage.rig.containers(app)).length > 3)
      for (const one of await stage.rig.containers(app))
        await deeds[name]?.(stage.rig.docker.getContainer(one.Id), stage.rig.docker, app).catch(() => undefined)
      await rolled
      const version = (await stage.rig.store.apps.get(app.name)).current
      await settled(app, version)

      await stage.scheduler.stop()
      for (const one of await stage.rig.containers(app))
        await deeds[name]?.(stage.rig.docker.getContainer(one.Id), stage.rig.docker, app).catch(() => undefined)
      stage.scheduler = stage.rig.scheduler()
      await stage.scheduler.start()
      await settled(app, version)
      await quiet()
    }
  }).timeout(300_000)

  it('does not last where the engine was away meanwhile', async () => {
    const app = await stage.deployed('unheard', { processTypes, formation })
    await stage.rig.wire.cut()
    for (const one of await stage.rig.containers(app)) await stage.rig.docker.getContainer(one.Id).restart({ t: 0 })
    await stage.rig.wire.join()
    await settled(app, 2)
    await quiet()
  })
})
