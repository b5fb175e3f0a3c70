import { mkdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { contract } from '../../../src/api/contract.js'
import { outputDirectory, outputFile } from '../../../src/cron/output.js'
import { mostCronEntries } from '../../../src/store/cron.js'
import { expectFault } from '../asked.js'
import { openRig, type Rig } from '../rig.js'

describe('cron through the API', function () {
  this.timeout(20_000)
  let rig: Rig
  before(async () => {
    rig = await openRig()
  })
  after(() => rig[Symbol.asyncDispose]())
  const command = 'node task.js'

  it('lists entries of app.json and added ones, and removes the latter', async () => {
    const { id } = await rig.pushed('listed')
    await rig.store.releases.update(id, 2, { cron: [{ schedule: '@daily', command, maintenance: true }] })
    const asked = { timezone: 'Europe/Berlin', timeout: '5m', type: 'worker', concurrency: 'allow' } as const
    const added = await rig.client.cron.add({ app: 'listed', schedule: '*/5 * * * *', command, ...asked })
    expect(added).to.include({
      timeout: 300_000,
      timezone: 'Europe/Berlin',
      source: 'cron:add',
      paused: null,
      last: null,
    })
    expect(Date.parse(added.next ?? '')).to.be.within(Date.now(), Date.now() + 300_000)
    const all = contract.cron.list.reply.parse(await rig.client.cron.list({ app: 'listed' }))
    expect(all.map(({ source, next, paused }) => [source, next === null, paused])).to.deep.equal([
      ['app.json', true, 'app.json'],
      ['cron:add', false, null],
    ])
    const declared = all[0]?.id ?? ''
    await expectFault(rig.client.cron.remove({ app: 'listed', entry: declared }), 'conflict', /comes with the app/)
    await expectFault(rig.client.cron.resume({ app: 'listed', entry: declared }), 'conflict', /app\.json has .* paused/)
    await expectFault(rig.client.cron.add({ app: 'listed', schedule: '@daily', command }), 'conflict', /already/)
    await expectFault(
      rig.client.cron.add({ app: 'listed', schedule: '*/5 * * * *', command, ...asked }),
      'conflict',
      /already/,
    )
    await rig.client.cron.remove({ app: 'listed', entry: added.id })
    await expectFault(rig.client.cron.remove({ app: 'listed', entry: added.id }), 'missing', /no cron entry/)
    expect(await rig.client.cron.list({ app: 'listed' })).to.have.length(1)
  })

  it('refuses what is no entry', async () => {
    await rig.pushed('refused')
    const add = (schedule: string, line = command, more = {}) =>
      rig.client.cron.add({ app: 'refused', schedule, command: line, ...more })
    await expectFault(add('* * * *'), 'invalid', /4 fields, not five/)
    await expectFault(add('0 0 31 2 *'), 'invalid', /it never comes/)
    await expectFault(add('@daily', 'a\nb'), 'invalid', /line break/)
    await expectFault(add('@daily', ' '), 'invalid', /empty/)
    await expectFault(add('@daily', command, { timezone: 'Mars' }), 'invalid', /no time zone/)
    await expectFault(add('@daily', command, { timeout: 'soon' }), 'invalid', /write it as/)
    await expectFault(add('@daily', command, { type: '../x' }), 'invalid', /no process type/)
    await expectFault(rig.client.cron.pause({ app: 'refused', entry: '../../etc' }), 'invalid', /8 hexadecimal/)
    await expectFault(
      rig.client.cron.output({ app: 'refused', entry: '1a2b3c4d', run: '../../../etc/passwd' }),
      'invalid',
      /a run is named/,
    )
    await expectFault(rig.client.cron.run({ app: 'refused', entry: '1a2b3c4d' }), 'missing', /no cron entry/)
    for (let count = 0; count < mostCronEntries; count += 1) await add('@daily', `task ${String(count)}`)
    await expectFault(add('@daily', 'one more'), 'conflict', /100 cron entries at most/)
  })

  it('pauses and resumes, and moves with the app when it gets another name', async () => {
    await rig.pushed('named')
    const { id } = await rig.client.cron.add({ app: 'named', schedule: '@hourly', command })
    expect(await rig.client.cron.pause({ app: 'named', entry: id })).to.include({ paused: 'cron:pause', next: null })
    await rig.client.apps.update({ app: 'named', name: 'renamed' })
    const [entry] = await rig.client.cron.list({ app: 'renamed' })
    expect(entry).to.include({ id, paused: 'cron:pause' })
    expect((await rig.client.cron.resume({ app: 'renamed', entry: id })).next).to.be.a('string')
  })

  it('records a run for the worker, refuses a second one, and tells what it wrote until it is over', async () => {
    const app = await rig.pushed('run')
    await rig.store.releases.update(app.id, 2, { config: { API_KEY: 'hidden-value' } })
    const { id: entry } = await rig.client.cron.add({ app: 'run', schedule: '@hourly', command })
    await expectFault(rig.client.cron.output({ app: 'run', entry, run: 'latest' }), 'missing', /has not run yet/)
    const run = await rig.client.cron.run({ app: 'run', entry })
    expect(run).to.include({ status: 'queued', by: 'rig', due: null })
    await expectFault(rig.client.cron.run({ app: 'run', entry }), 'conflict', /runs already/)
    await mkdir(outputDirectory(rig.config, app.id), { recursive: true })
    await writeFile(outputFile(rig.config, app.id, run.id), '2026-01-01T00:00:00Z one two\n')
    const lines = await rig.client.cron.output({ app: 'run', entry, run: 'latest', follow: 'true' })
    expect(await lines.next()).to.deep.equal({ done: false, value: { time: '2026-01-01T00:00:00Z', text: 'one two' } })
    await writeFile(
      outputFile(rig.config, app.id, run.id),
      '2026-01-01T00:00:00Z one two\n2026-01-01T00:00:01Z three hidden-value\n',
    )
    await rig.store.cron.notify(app.id, run.id)
    expect((await lines.next()).value).to.have.property('text', 'three [secret]')
    const end = { status: 'failed', exit: 3, finishedAt: '2026-01-01T00:00:02Z', failure: 'crashed' } as const
    await rig.store.cron.update(app.id, run.id, end)
    expect(await lines.next()).to.deep.equal({ done: true, value: { ...run, ...end } })
    expect(contract.cron.runs.reply.parse(await rig.client.cron.runs({ app: 'run', entry }))).to.deep.equal([
      { ...run, ...end },
    ])
    await expectFault(rig.client.cron.output({ app: 'run', entry, run: `${entry}.1` }), 'missing', /long over/)
    expect((await rig.client.cron.list({ app: 'run' }))[0]?.last).to.include({ exit: 3 })
  })

  it('has the worker end a run, and says when there is none', async () => {
    const app = await rig.pushed('ending')
    const { id: entry } = await rig.client.cron.add({ app: 'ending', schedule: '@hourly', command })
    await expectFault(rig.client.cron.stop({ app: 'ending', entry: '1a2b3c4d' }), 'missing', /no cron entry/)
    await expectFault(rig.client.cron.stop({ app: 'ending', entry }), 'conflict', /does not run now/)
    const run = await rig.client.cron.run({ app: 'ending', entry })
    await rig.store.cron.update(app.id, run.id, { status: 'running' })
    await rig.client.cron.remove({ app: 'ending', entry })
    expect(await rig.client.cron.stop({ app: 'ending', entry })).to.deep.equal([{ ...run, status: 'running' }])
    expect(await rig.store.cron.run(app.id, run.id)).to.include({ stop: 'rig ended it' })
  })

  it('has what runs wrote in the logs of the app, before and while they are followed', async () => {
    const app = await rig.pushed('logging')
    const { id: entry } = await rig.client.cron.add({ app: 'logging', schedule: '@hourly', command })
    const run = await rig.client.cron.run({ app: 'logging', entry })
    await rig.store.cron.update(app.id, run.id, { status: 'running' })
    await mkdir(outputDirectory(rig.config, app.id), { recursive: true })
    await writeFile(outputFile(rig.config, app.id, run.id), '2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n')
    const query = { config: rig.config, store: rig.store, app: app.id }
    const { cronLines } = await import('../../../src/cron/log-source.js')
    const source = cronLines(query.config, query.store, query.app)
    const left = new AbortController()
    const asked = { lines: 1, process: null, follow: true, signal: left.signal }
    await source.open(asked, left.signal)
    expect(await source.tail(asked)).to.deep.equal([
      { time: '2026-01-01T00:00:01Z', text: 'two', source: 'app', process: `cron.${entry}` },
    ])
    expect(await source.tail({ ...asked, process: 'web' })).to.deep.equal([])
    const follow = source.follow(asked, left.signal)[Symbol.asyncIterator]()
    const next = follow.next()
    await writeFile(
      outputFile(rig.config, app.id, run.id),
      '2026-01-01T00:00:00Z one\n2026-01-01T00:00:01Z two\n2026-01-01T00:00:02Z three\n',
    )
    await rig.store.cron.notify(app.id, run.id)
    expect((await next).value).to.include({ text: 'three' })
    left.abort()
    expect((await follow.next()).done).to.equal(true)
    const lines = await rig.client.processes.logs({ app: 'logging', process: `cron.${entry}`, lines: 10 })
    const texts = (await Array.fromAsync(lines)).map(({ text }) => text)
    expect(texts).to.deep.equal(['one', 'two', 'three'])
  })
})
