import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import type { CronEntryView, CronRunView } from '../../../src/api/contract.js'
import { connectEngine } from '../../../src/engine-client/client.js'
import { patience } from '../../patience.js'
import { until } from '../../scheduler/describe-scheduler.js'
import { createApp, home, instance, type Instance } from '../instance.js'

describe('cron', function () {
  this.timeout(240_000 * patience)
  let berth: Instance
  let app: string
  let push: () => Promise<{ code: number | null; stderr: string }>
  let commit: (files: Readonly<Record<string, string>>) => Promise<string>
  let said: string
  before(async () => {
    berth = await instance()
    const repo = await berth.example('cron')
    ;[push, commit] = [() => repo.push(), (files) => repo.commit(files)]
    said = await readFile(join(repo.dir, 'app.json'), 'utf8')
    app = await createApp(berth, repo, 'clockwork')
    const { code, stderr } = await repo.push()
    expect(code, stderr).to.equal(0)
  })
  const ok = async (words: string[]): Promise<string> =>
    (await berth.succeed(...words.slice(0, 1), '-a', app, ...words.slice(1))).stdout
  const list = async () => JSON.parse(await ok(['cron', '--json'])) as CronEntryView[]
  const runs = async (id: string) => JSON.parse(await ok(['cron:log', id, '--json'])) as CronRunView[]
  const pidOf = async (name: string): Promise<number> => {
    const pids = JSON.parse(await readFile(join(berth.config.run, 'pids.json'), 'utf8')) as Record<
      string,
      { pid: number }
    >
    return pids[name]?.pid ?? 0
  }
  /** What is written to the app's logs from now on, up to a text. */
  const tailUntil = async (text: string): Promise<string> => {
    const tail = spawn(join(home, 'bin/berth'), ['logs', '-t', '-n', '0', '-a', app], {
      env: berth.env,
      cwd: berth.dir,
    })
    let told = ''
    for await (const chunk of tail.stdout) if ((told += String(chunk)).includes(text)) break
    tail.kill()
    return told
  }
  const idOf = async (command: string): Promise<string> =>
    (await list()).find((entry) => entry.command === command)?.id ?? 'none'

  it('takes the entries of app.json, runs one in the current release, and keeps how it ended and what it wrote', async () => {
    const entries = await list()
    expect(entries.map(({ schedule, command, paused, source }) => [schedule, command, paused, source])).to.deep.equal([
      ['*/5 * * * *', 'node task.js', null, 'app.json'],
      ['0 7 * * mon', 'node task.js weekly', 'app.json', 'app.json'],
    ])
    const id = await idOf('node task.js')
    // its own minute must not come in between
    await ok(['cron:pause', id])
    expect(await ok(['cron:run', id])).to.equal(`cron.${id} does the usual work\nthe app says: noted\n`)
    expect(JSON.parse((await berth.curl(app)).body)).to.have.nested.property('last.task', 'usual')
    const run = (await runs(id)).find(({ due }) => due === null)
    expect(run).to.include({ status: 'succeeded', exit: 0, due: null, by: 'test', command: 'node task.js' })
    expect(await ok(['cron'])).to.match(/exit 0, \d+\.\d s/)
    expect(await ok(['logs'])).to.match(new RegExp(`app\\[cron\\.${id}\\]: the app says: noted`))
    expect(await ok(['logs', '-p', 'web'])).to.not.include('noted')
    expect(await ok(['logs', '-p', `cron.${id}`])).to.include('does the usual work')
  })

  it('runs what was added at its minute, is paused, resumed and removed by id', async () => {
    const command = 'echo at its minute; echo oh no >&2; exit 7'
    const added = JSON.parse(await ok(['cron:add', '* * * * *', '--json', '--', command])) as CronEntryView
    const again = await berth.berth(['cron:add', '-a', app, '* * * * *', '--', command])
    expect(again.code).to.not.equal(0)
    expect(again.stderr).to.include('has this entry already')
    const due = Date.parse(added.next ?? '')
    // the one minute that is waited for
    const told = await tailUntil(`app[cron.${added.id}]: at its minute`)
    expect(told).to.include(`app[cron.${added.id}]: at its minute`)
    const ended = async () => (await runs(added.id)).find(({ finishedAt }) => finishedAt !== null)
    const run = await until('the run is over', ended)
    expect(run).to.include({ status: 'failed', exit: 7, due: new Date(due).toISOString(), by: null })
    expect(Date.parse(run.startedAt ?? '') - due).to.be.within(0, 1_000 * patience)
    expect(await ok(['cron:log', added.id]))
      .to.match(/exit 7/)
      .and.include('Z oh no')
    expect(await ok(['cron:pause', added.id])).to.equal('')
    expect((await list()).find(({ id }) => id === added.id)).to.include({ paused: 'cron:pause', next: null })
    await ok(['cron:resume', added.id])
    const failed = await berth.berth(['cron:run', '-a', app, added.id])
    expect([failed.code, failed.stdout]).to.deep.equal([7, 'at its minute\noh no\n'])
    await ok(['cron:remove', added.id])
    expect((await list()).map(({ id }) => id)).to.not.include(added.id)
  })

  it('goes on with a run over the death of its worker, does not run it again, and refuses a second one meanwhile', async () => {
    const command = "trap 'echo two; exit 3' USR1; echo one; while :; do sleep 0.1; done"
    const { id } = JSON.parse(await ok(['cron:add', '@yearly', '--json', '--', command])) as CronEntryView
    await ok(['cron:run', id, '--detach'])
    const run = await until('it runs', async () => (await runs(id)).find(({ release }) => release !== null))
    const engine = connectEngine(berth.config)
    const containers = () => engine.containers.list([`berth.run=${run.id}`])
    const wrote = async (text: string) => (await ok(['cron:log', id, '--run', run.id])).includes(text)
    await until('it wrote', () => wrote('one'))
    const second = await berth.berth(['cron:run', '-a', app, id])
    expect(second.code).to.not.equal(0)
    expect(second.stderr).to.include('runs already').and.include('not to run at once')

    const before = await pidOf('worker')
    process.kill(before, 'SIGKILL')
    await until('another worker is there', async () => (await pidOf('worker')) !== before)
    const [container, ...more] = await containers()
    expect(more).to.be.empty
    await engine.containers.kill(container?.Id ?? '', 'SIGUSR1')
    const ended = await until('it is over', async () => (await runs(id)).find(({ finishedAt }) => finishedAt !== null))
    expect(ended).to.include({ id: run.id, status: 'failed', exit: 3 })
    const output = await ok(['cron:log', id, '--run', run.id])
    expect(output.split('\n').map((line) => line.split(' ')[1])).to.deep.equal(['one', 'two', undefined])
    expect(await runs(id)).to.have.length(1)
    await until('its container is gone', async () => (await containers()).length === 0)
  })

  it('refuses a push with a line that is none before anything is built, and a rollback brings entries back', async () => {
    for (const [line, why] of [
      ['{ "schedule": "@daily" }', 'cron.0.command: expected string, received undefined'],
      ['{ "command": "x", "schedule": "@nonstandard" }', 'this word is not known'],
      ['{ "command": "x", "schedule": "* * * * * *" }', 'it has 6 fields, not five'],
      ['{ "command": "x", "schedule": "0 0 31 2 *" }', 'it never comes'],
    ]) {
      await commit({ 'app.json': `{\n  "cron": [\n    ${line ?? ''}\n  ]\n}\n` })
      const refused = await push()
      expect(refused.code).to.equal(1)
      expect(refused.stderr)
        .to.match(/app\.json:[23]:\d+: cron\.0\./)
        .and.include(why)
        .and.not.include('Building')
    }
    const before = await list()
    await commit({ 'app.json': said.replace(/"cron": \[[^\]]*\]/, '"cron": []') })
    const { code, stderr } = await push()
    expect(code, stderr).to.equal(0)
    expect((await list()).filter(({ source }) => source === 'app.json')).to.be.empty
    await ok(['rollback'])
    expect((await list()).map(({ id }) => id)).to.deep.equal(before.map(({ id }) => id))
  })
})
