import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { runIn } from '../../../src/services/command.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { instance, type Instance } from '../instance.js'

/** The container of a service, and a way to run SQL in it. */
async function server(berth: Instance, name: string) {
  const engine = connectEngine(berth.config)
  await using store = await openStore(berth.config)
  const service = await store.services.get(name)
  const found = await serverOf({ engine, config: berth.config }, service)
  const id = found?.Id ?? ''
  return {
    id,
    pid: found?.State.Pid ?? 0,
    service,
    sql: (text: string) =>
      runIn(engine, id, { words: ['psql', '--host=/tmp', '-At', 'main'], input: text }, 'sql').then((said) =>
        said.trim(),
      ),
  }
}

describe('PostgreSQL as a service', function () {
  this.timeout(660_000)
  let berth: Instance
  before(async () => {
    berth = await instance()
    // its image is made the first time, of packages of Debian's mirror
    const made = await berth.berth(['services:create', 'postgres', 'blog-db'], { timeoutMs: 600_000 })
    expect(made, made.stderr).to.include({ code: 0 })
  })

  it('is made, serves, and says what it is', async () => {
    const info = JSON.parse((await berth.succeed('services:info', 'blog-db', '--json')).stdout) as Record<
      string,
      unknown
    >
    expect(info).to.include({ kind: 'postgres', version: '15', title: 'PostgreSQL', state: 'running', failure: null })
    expect(info.bytes).to.be.greaterThan(1_000_000)
    expect((await berth.succeed('services')).stdout).to.match(/blog-db +postgres 15 +running/)
  })

  it('keeps what is committed through kill -9, a stop and a restart', async () => {
    const before = await server(berth, 'blog-db')
    expect(await before.sql('create table t (n int); insert into t values (1); select count(*) from t')).to.contain('1')
    process.kill(before.pid, 'SIGKILL')
    for (const verb of ['start', 'stop', 'start', 'restart']) await berth.succeed(`services:${verb}`, 'blog-db')
    const after = await server(berth, 'blog-db')
    expect(after.id).to.equal(before.id)
    expect(after.pid).not.to.equal(before.pid)
    expect(await after.sql('select n from t')).to.equal('1')
  })

  it('is destroyed with its data, once its name was repeated', async () => {
    await berth.succeed('services:create', 'postgres', 'short', '--memory', '128M')
    const refused = await berth.berth(['services:destroy', 'short', '--confirm', 'blog-db'])
    expect(refused.code).not.to.equal(0)
    expect(refused.stderr).to.contain('is not the name of the service to destroy')
    await berth.succeed('services:destroy', 'short', '--confirm', 'short')
    expect((await berth.berth(['services:info', 'short'])).stderr).to.contain('no service named "short"')
  })
})
