import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import type { AppEngine } from '../../src/scheduler/app-engine.js'
import { checksOf } from '../../src/scheduler/checks.js'
import { defaultLimits } from '../../src/scheduler/limits.js'
import { ready } from '../../src/scheduler/readiness.js'
import type { CheckFields } from '../../src/store/checks.js'
import { firstRelease } from '../../src/store/releases.js'

describe('a process that starts', () => {
  /** Waits for one whose command checks all fail; says what came of it. */
  async function start(fields: CheckFields) {
    const said: string[] = []
    const running = { State: { Running: true, Pid: 1 }, Config: { Labels: {} }, NetworkSettings: { Networks: {} } }
    const engine = {
      inspect: () => Promise.resolve(running),
      exec: () =>
        Promise.resolve({
          end: () => Promise.resolve({ code: 1, output: 'not yet' }),
          runs: () => Promise.resolve(false),
        }),
      log: () => Promise.reject(new Error('it has no log')),
    } as unknown as AppEngine
    const checks = checksOf({ checks: { startup: { worker: fields } } }, firstRelease('a'), 'worker')
    const starting = {
      id: 'c',
      process: 'worker.1',
      type: 'worker',
      app: 'a',
      port: 5000,
      hostname: 'a.localhost',
      checks,
    }
    const deps = { engine, limits: defaultLimits, deaths: new EventEmitter(), log: (line: string) => said.push(line) }
    const failure = await ready(starting, deps, new AbortController().signal).then(
      () => null,
      (error: unknown) => (error as Error).message,
    )
    return { failure, said: said.join('\n') }
  }

  it('is ready although a check fails that is to warn, and says so', async () => {
    const { failure, said } = await start({ command: ['check'], attempts: 1, warn: true })
    expect(failure).to.equal(null)
    expect(said).to.match(/^Warning: .*worker/)
  })

  it('is not ready where another fails', async () => {
    expect((await start({ command: ['check'], attempts: 1 })).failure).to.match(/worker/)
  })
})
