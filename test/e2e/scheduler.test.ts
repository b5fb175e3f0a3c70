import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { label } from '../../src/config.js'
import type { BerthError } from '../../src/errors.js'
import { AppEngine } from '../../src/scheduler/app-engine.js'
import { readLogs, type LogLine } from '../../src/scheduler/logs.js'
import { startOneOff } from '../../src/scheduler/one-off.js'
import { perlServer, until } from './scheduler-rig.js'
import { setStage } from './scheduler-stage.js'

const size = { memory: 256 * 1024 * 1024, cpus: 1 }
const never = new AbortController().signal
const quiet = () => undefined

describe('the scheduler', () => {
  const stage = setStage()

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

  it('replaces a release under load without losing a request', async () => {
    const app = await stage.deployed('busy')
    let asking = true
    const bad: unknown[] = []
    const words = new Set<string>()
    const client = async () => {
      while (asking) {
        const reply = await stage.rig.get(app).catch((error: unknown) => ({ status: 0, body: String(error) }))
        if (reply.status !== 200) bad.push(reply)
        else words.add(reply.body)
        await sleep(10)
      }
    }
    const clients = Promise.all(Array.from({ length: 5 }, client))
    try {
      const change = { config: { CODE: perlServer, WORD: 'again' } }
      await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, change))
      await stage.onlyRelease(app, 3, 1)
    } finally {
      asking = false
      await clients
    }
    expect(bad).to.deep.equal([])
    expect([...words]).to.include.members(['web.1 v2 hello', 'web.1 v3 again'])
    expect(await stage.rig.get(app)).to.deep.equal({ status: 200, body: 'web.1 v3 again' })
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
    ['500', /^web\.1 answered its check, GET \/, with status 500: oh no$/, null],
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
        expect(error?.told.filter((line) => line.startsWith('  line'))).to.have.length(20)
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

  it('scales up and down, leaving alone what need not change', async () => {
    const app = await stage.deployed('scaled')
    const before = await stage.ids(app)
    const commit = (await stage.rig.store.releases.get(app.id, 2)).commit
    const three = { commit, formation: { web: { quantity: 3, memory: 512 * 1024 * 1024, cpus: 1 } } }
    await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, three))
    const after = await stage.ids(app)
    expect([...after.keys()].sort()).to.deep.equal(['web.1', 'web.2', 'web.3'])
    expect(after.get('web.1')).to.equal(before.get('web.1'))
    const seen = new Set<string>()
    for (let i = 0; i < 9; i++) seen.add((await stage.rig.get(app)).body.split(' ')[0] ?? '')
    expect([...seen].sort()).to.deep.equal(['web.1', 'web.2', 'web.3'])

    const one = { commit, formation: { web: { quantity: 1, memory: 512 * 1024 * 1024, cpus: 1 } } }
    await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, one))
    await until('one process', async () => (await stage.rig.containers(app)).length === 1)
    expect((await stage.ids(app)).get('web.1')).to.equal(before.get('web.1'))
    expect((await stage.rig.get(app)).status).to.equal(200)
  })

  it('scales to nothing and back', async () => {
    const app = await stage.deployed('naught')
    const commit = (await stage.rig.store.releases.get(app.id, 2)).commit
    await stage.rig.deploy(
      stage.scheduler,
      app,
      await stage.rig.release(app, { commit, formation: { web: { quantity: 0, ...size } } }),
    )
    expect((await stage.rig.get(app)).status).to.equal(503)
    await until('no process', async () => (await stage.rig.containers(app)).length === 0)
    await stage.rig.deploy(
      stage.scheduler,
      app,
      await stage.rig.release(app, { commit, formation: { web: { quantity: 1, ...size } } }),
    )
    expect((await stage.rig.get(app)).status).to.equal(200)
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

  it('restarts one process or all of them', async () => {
    const app = await stage.deployed('again', { formation: { web: { quantity: 2, ...size } } })
    const current = await stage.rig.store.apps.get('again')
    const release = await stage.rig.store.releases.get(app.id, current.current)
    const before = await stage.ids(app)
    await stage.scheduler.restart(current, release, 'web.2', quiet, never)
    await until('the old one to go', async () => (await stage.rig.containers(app)).length === 2)
    const after = await stage.ids(app)
    expect(after.get('web.1')).to.equal(before.get('web.1'))
    expect(after.get('web.2')).not.to.equal(before.get('web.2'))
    await stage.scheduler.restart(current, release, null, quiet, never)
    await until('the old ones to go', async () => (await stage.rig.containers(app)).length === 2)
    expect([...(await stage.ids(app)).values()]).not.to.include.oneOf([...after.values()])
    const error = await stage.scheduler.restart(current, release, 'web.9', quiet, never).catch((e: unknown) => e)
    expect(error).to.have.property('fault', 'missing')
  })

  it('answers at a new name', async () => {
    const app = await stage.deployed('before')
    const renamed = await stage.rig.store.apps.rename(app.id, 'after')
    await stage.scheduler.refreshRoute(renamed)
    expect((await stage.rig.get(renamed)).status).to.equal(200)
    expect((await stage.rig.get(app)).status).to.equal(404)
  })

  it('runs a release command to its end', async () => {
    const app = await stage.deployed('runs')
    const current = await stage.rig.store.apps.get('runs')
    const release = await stage.rig.store.releases.get(app.id, 2)
    const told: string[] = []
    const command = 'echo "$WORD $BERTH_RELEASE"; echo oops >&2; exit 7'
    expect(await stage.scheduler.runOnce(current, release, command, (line) => told.push(line), never)).to.equal(7)
    expect(told).to.have.members(['hello v2', 'oops'])
    expect(await stage.rig.containers(app)).to.have.length(1)
  })

  it('runs a one-off that reads, and ends it when its client leaves', async () => {
    const app = await stage.deployed('once')
    const current = await stage.rig.store.apps.get('once')
    const release = await stage.rig.store.releases.get(app.id, 2)
    const client = new AbortController()
    const given = {
      engine: new AppEngine(stage.rig.engine, stage.rig.config.name),
      config: stage.rig.config,
      app: current,
      release,
    }
    const cat = await startOneOff({ ...given, command: 'cat; exit 5', tty: false, stdin: true, signal: client.signal })
    expect(await stage.states(app)).to.include(`${cat.process} up v2`)
    cat.stdin.end('typed\n')
    let out = ''
    for await (const frame of cat.output) out += frame.chunk.toString()
    expect(out).to.equal('typed\n')
    expect(await cat.exit).to.equal(5)

    const options = {
      command: 'tty; until stty size | grep -v "^0"; do sleep 0.1; done; sleep 600',
      tty: true,
      stdin: true,
      signal: client.signal,
    }
    const shell = await startOneOff({ ...given, ...options, size: { columns: 101, rows: 31 } })
    out = ''
    for await (const frame of shell.output) {
      out += frame.chunk.toString()
      if (out.split('\n').length > 2) break
    }
    expect(out).to.match(/^\/dev\/(pts\/\d+|console)\r\n31 101\r\n$/)
    client.abort(new Error('the client left'))
    const error = await shell.exit.catch((e: unknown) => e)
    expect(error).to.have.property('message', 'the client left')
    await until('it to be gone', async () => (await stage.rig.containers(app)).length === 1)
  })

  it('reads the logs of all processes in order, and follows those that start later', async () => {
    const app = await stage.deployed('talks', { formation: { web: { quantity: 2, ...size } } })
    const reading = new AbortController()
    const given = { config: stage.rig.config, engine: stage.rig.engine, app, process: null, signal: reading.signal }
    const last: LogLine[] = []
    for await (const line of readLogs({ ...given, lines: 10, follow: false })) last.push(line)
    expect(last.map((line) => line.text).sort()).to.deep.equal(['starting web.1 of v2', 'starting web.2 of v2'])
    expect(last.map((line) => line.time)).to.deep.equal(last.map((line) => line.time).sort())
    const one: LogLine[] = []
    for await (const line of readLogs({ ...given, lines: 10, follow: false, process: 'web.2' })) one.push(line)
    expect(one.map((line) => line.process)).to.deep.equal(['web.2'])

    const seen: string[] = []
    const followed = (async () => {
      for await (const line of readLogs({ ...given, lines: 1, follow: true })) {
        seen.push(`${line.process}: ${line.text}`)
        if (line.text.startsWith('starting web.1 of v3')) reading.abort()
      }
    })()
    await until('the last line', async () => Promise.resolve(seen.length === 1))
    await stage.rig.deploy(stage.scheduler, app, await stage.rig.release(app, {}))
    await followed
    expect(seen[0]).to.match(/^web\.\d: starting web\.\d of v2$/)
    expect(seen).to.include('web.1: starting web.1 of v3')
    expect(seen.filter((line) => line.includes('of v2'))).to.have.length(1)
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
