import { expect } from 'chai'
import { freshName, instance, type Instance } from '../instance.js'
import { patience, pushedExample } from './example.js'

describe('Apps with a queue and a database', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  it('have a Flask API whose Celery worker does the work, by Redis and PostgreSQL beside them', async function () {
    this.timeout(patience)
    const repo = await berth.example('flask-celery')
    const { app } = await pushedExample(berth, repo, ['ps:scale', 'redis=1', 'postgres=1', 'worker=1'])
    const text = ['-H', 'Content-Type: text/plain', '--data', 'to be or not to be']
    // it answers 503 until Redis is there, and says when to ask again
    const submitted = await berth.curl(app, '/texts', '--fail', '--retry', '60', ...text)
    expect(submitted.status, submitted.body).to.equal(202)
    const { job } = JSON.parse(submitted.body) as { job: string }
    const counted = await berth.curl(app, job)
    expect(counted.status, counted.body).to.equal(200)
    expect(JSON.parse(counted.body)).to.deep.equal({ words: 6 })
    const kept = { text: 'to be or not to be', words: 6 }
    expect(JSON.parse((await berth.curl(app, '/texts')).body)).to.deep.equal([kept])
    const select = ['psql', '-h', 'postgres', '-U', 'app', 'postgres', '-Atc', 'SELECT words, version() FROM counts']
    const client = await berth.berth(['run', '-a', app, '--', ...select])
    expect(client.stdout, client.stderr).to.match(/^6\|PostgreSQL 15\./m)
  })

  it('have the same with services that they are linked to, and data that outlives a release', async function () {
    this.timeout(patience)
    const repo = await berth.example('flask-celery')
    const [queue, data] = [freshName('queue'), freshName('data')]
    for (const [kind, name] of [
      ['redis', queue],
      ['postgres', data],
    ] as const) {
      const made = await berth.berth(['services:create', kind, name], { timeoutMs: 600_000 })
      expect(made, made.stderr).to.include({ code: 0 })
    }
    const { app } = await pushedExample(berth, repo, ['ps:scale', 'worker=1'])
    for (const name of [queue, data]) await berth.succeed('services:link', name, '-a', app)
    const text = ['-H', 'Content-Type: text/plain', '--data', 'to be or not to be']
    const submitted = await berth.curl(app, '/texts', '--fail', '--retry', '60', ...text)
    expect(submitted.status, submitted.body).to.equal(202)
    const { job } = JSON.parse(submitted.body) as { job: string }
    expect(JSON.parse((await berth.curl(app, job)).body)).to.deep.equal({ words: 6 })
    await berth.succeed('services:rotate', data, '-a', app)
    const kept = { text: 'to be or not to be', words: 6 }
    expect(JSON.parse((await berth.curl(app, '/texts')).body)).to.deep.equal([kept])
    const { stdout } = await berth.berth(['services:connect', data], { input: 'select words from counts' })
    expect(stdout).to.contain('6')
  })
})
