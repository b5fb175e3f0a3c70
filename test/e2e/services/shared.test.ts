import { Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { messageOf } from '../../../src/errors.js'
import { runIn } from '../../../src/services/command.js'
import { checkService, dumpService, restoreService } from '../../../src/services/dump.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { freshName, instance, type Instance } from '../instance.js'
import { postgres } from './clients.js'

describe('a PostgreSQL that apps share', function () {
  this.timeout(660_000)
  let berth: Instance
  const name = freshName('shared')
  const [one, other] = [freshName('one'), freshName('other')]

  const urlOf = async (app: string): Promise<string> => {
    await using store = await openStore(berth.config)
    const { id } = await store.apps.get(app)
    return (await store.services.get(name)).links.find((link) => link.app === id && !link.ends)?.url ?? ''
  }
  /** Runs a statement as an app would. @returns what it says, or why it does not */
  const ask = async (url: string, sql: string): Promise<string> => {
    await using store = await openStore(berth.config)
    const engine = connectEngine(berth.config)
    const server = await serverOf({ engine, config: berth.config }, await store.services.get(name))
    const words = ['psql', '-v', 'ON_ERROR_STOP=1', '-qAt', url]
    return await runIn(engine, server?.Id ?? '', { words, input: sql }, 'client').then((said) => said.trim(), messageOf)
  }
  const at = (url: string, database: string): string => url.replace(/[^/]*$/, database)

  before(async () => {
    berth = await instance()
    const made = await berth.berth(['services:create', postgres.kind, name, '--shared'], { timeoutMs: 600_000 })
    expect(made, made.stderr).to.include({ code: 0 })
    for (const app of [one, other]) {
      await berth.succeed('apps:create', app)
      await berth.succeed('services:link', name, '-a', app)
    }
  })

  it('gives each a database that the other does not get in to', async () => {
    const [mine, theirs] = [await urlOf(one), await urlOf(other)]
    for (const [url, value] of [
      [mine, 'mine'],
      [theirs, 'theirs'],
    ] as const)
      await ask(url, `create table t (v text); insert into t values ('${value}')`)
    expect(await ask(mine, 'select v from t')).to.equal('mine')
    expect(await ask(theirs, 'select v from t')).to.equal('theirs')
    const database = new URL(theirs).pathname.slice(1)
    for (const elsewhere of [database, 'main', 'postgres', 'template1'])
      expect(await ask(at(mine, elsewhere), 'select 1'), elsewhere).to.match(/does not have CONNECT privilege|pg_hba/)
    expect(await ask(mine, `set role ${database}`)).to.contain('permission denied')
    expect(await ask(mine, 'create role more')).to.contain('permission denied')
    expect(await ask(mine, 'set temp_file_limit to -1')).to.contain('permission denied')
  })

  it('lets a role have ten connections, and others theirs all the same', async () => {
    // each psql has the next opened while it is open itself
    const nest = String.raw`
cat >/tmp/nest <<'END'
[ "$1" = 0 ] || echo "\\! sh /tmp/nest $(($1 - 1)) '$2'" | psql -qAt "$2" 2>&1
END
sh /tmp/nest "$1" "$2"`
    const open = async (count: number): Promise<string> => {
      await using store = await openStore(berth.config)
      const engine = connectEngine(berth.config)
      const server = await serverOf({ engine, config: berth.config }, await store.services.get(name))
      const words = ['sh', '-c', nest, 'sh', String(count), await urlOf(one)]
      return await runIn(engine, server?.Id ?? '', { words }, 'client').catch(messageOf)
    }
    expect(await open(10)).to.equal('')
    expect(await open(11)).to.contain('too many connections for role')
    expect(await ask(await urlOf(other), 'select v from t')).to.equal('theirs')
  })

  it('gives the data of all away, and another has the same then', async () => {
    await using store = await openStore(berth.config)
    const deps = { config: berth.config, store, engine: connectEngine(berth.config) }
    const { signal } = new AbortController()
    const chunks: Buffer[] = []
    const output = new Writable({ write: (chunk: Buffer, _encoding, done) => done(void chunks.push(chunk)) })
    await dumpService(deps, await store.services.get(name), output, signal)
    const whole = Buffer.concat(chunks)
    const to = freshName('copy')
    await berth.succeed('services:create', 'postgres', to, '--shared')
    const into = await store.services.get(to)
    for (const bad of [whole.subarray(0, whole.length - 100), Buffer.from('none'), Buffer.alloc(0)])
      expect(await restoreService(deps, into, Readable.from([bad]), signal).then(() => 'it did', messageOf)).to.contain(
        'could not be restored',
      )
    await berth.succeed('services:destroy', to, '--confirm', to)
    await berth.succeed('services:create', 'postgres', to, '--shared')
    const fresh = await store.services.get(to)
    await restoreService(deps, fresh, Readable.from([whole]), signal)
    const checks = await Promise.all(
      [await store.services.get(name), fresh].map((service) => checkService(deps, service, signal)),
    )
    expect(checks[0]).to.equal(checks[1])
    expect(checks[0]?.match(/public\.t 1 /g)).to.have.length(2)
  })

  it('keeps what one has through a rotation and an unlink, for when it is linked again', async () => {
    const before = await urlOf(one)
    await berth.succeed('services:rotate', name, '-a', one)
    expect(await urlOf(one)).not.to.equal(before)
    expect(await ask(await urlOf(one), 'insert into t select v from t; select count(*) from t')).to.equal('2')
    await berth.succeed('services:unlink', name, '-a', one)
    await berth.succeed('services:link', name, '-a', one)
    expect(await ask(await urlOf(one), 'select count(*) from t')).to.equal('2')
  })

  it('is not to be had of what has no place of its own for each', async () => {
    const { code, stderr } = await berth.berth(['services:create', 'redis', 'x', '--shared'])
    expect(code).to.equal(1)
    expect(stderr).to.contain('Redis has no place of its own for each app')
  })
})
