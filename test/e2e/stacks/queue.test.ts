import { expect } from 'chai'
import { instance, type Instance } from '../instance.js'
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
})
