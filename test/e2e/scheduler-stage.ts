import { label } from '../../src/config.js'
import { listProcesses } from '../../src/scheduler/processes.js'
import type { Process, Scheduler } from '../../src/scheduler/scheduler.js'
import type { App } from '../../src/store/apps.js'
import type { Release } from '../../src/store/releases.js'
import { until } from '../scheduler/describe-scheduler.js'
import { engineForTests, openRig, type EngineForTests, type Rig } from './scheduler-rig.js'

/** A rig with a running scheduler, made before the tests of a suite and taken away after; apps go after each test. */
export class Stage {
  engine!: EngineForTests
  rig!: Rig
  scheduler!: Scheduler

  /** An app with one release (v2) on the air. */
  async deployed(name: string, patch: Partial<Release> = {}): Promise<App> {
    const app = await this.rig.app(name)
    await this.rig.deploy(this.scheduler, app, await this.rig.release(app, patch))
    return app
  }

  /** As the scheduler tells them, the engine within reach, whatever is cut. */
  async processes(app: App): Promise<Process[]> {
    return listProcesses(this.rig, await this.rig.store.apps.get(app.name))
  }

  /** `web.1 up v2`, by name. */
  async states(app: App): Promise<string[]> {
    return (await this.processes(app)).map((one) => `${one.name} ${one.state} v${one.release}`)
  }

  /** Process name -> id of the container that runs it. */
  async ids(app: App): Promise<Map<string, string>> {
    const running = (await this.rig.containers(app)).filter((one) => one.State === 'running')
    return new Map(running.map((one) => [one.Labels[label.process] ?? '', one.Id]))
  }

  /** Waits until a release's containers are the only ones. */
  async onlyRelease(app: App, version: number, count: number): Promise<void> {
    await until(`${count} processes of v${version}`, async () => {
      const all = await this.rig.containers(app)
      return all.length === count && all.every((one) => one.Labels[label.release] === String(version))
    })
  }
}

export function setStage(): Stage {
  const stage = new Stage()
  before(async function () {
    this.timeout(300_000)
    stage.engine = await engineForTests()
    stage.rig = await openRig(stage.engine.socket)
    stage.scheduler = stage.rig.scheduler()
    await stage.scheduler.start()
  })
  after(async () => {
    await stage.rig[Symbol.asyncDispose]()
    await stage.engine[Symbol.asyncDispose]()
  })
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.error(stage.rig.lines.splice(0).join(''))
    for (const app of await stage.rig.store.apps.list()) {
      await stage.scheduler.remove(app)
      await stage.rig.store.apps.remove(app.id)
    }
  })
  return stage
}
