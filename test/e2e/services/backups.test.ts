import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import type { BackupJobView, BackupSubjectView, BackupView } from '../../../src/api/contract.js'
import { connectEngine } from '../../../src/engine-client/client.js'
import { pidsFile } from '../../../src/serve/instance.js'
import { Pids } from '../../../src/serve/pids.js'
import { runIn } from '../../../src/services/command.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { patience } from '../../patience.js'
import { createApp, freshName, instance, type Instance } from '../instance.js'

/** Keeps what it is told to below /app/data. */
const app = {
  Dockerfile: 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY . /app\nUSER 4321:4321\n',
  Procfile: 'clock: exec sleep 100000\n',
}

/** Nothing tells of what another process does but asking. */
async function eventually(test: () => Promise<boolean>, what: string): Promise<void> {
  const late = Date.now() + 60_000 * patience
  while (!(await test())) {
    if (Date.now() > late) throw new Error(`${what} did not come true within a minute`)
    await delay(50)
  }
}

describe('backups', function () {
  this.timeout(660_000)
  let berth: Instance
  let name = ''
  const [db, cache] = [freshName('db'), freshName('cache')]

  const json = async <T>(...args: string[]): Promise<T> =>
    JSON.parse((await berth.succeed(...args, '--json')).stdout) as T
  const backup = (subject: string) => json<BackupView>('backups:create', subject)
  const subject = async (of: string): Promise<BackupSubjectView | undefined> =>
    (await json<BackupSubjectView[]>('backups')).find((one) => one.name === of)
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await berth.berth(args)
    expect(code, args.join(' ')).not.to.equal(0)
    return stderr
  }
  /** Runs in a service what an app that is linked would. */
  const ask = async (service: string, words: readonly string[], input?: string): Promise<string> => {
    await using store = await openStore(berth.config)
    const engine = connectEngine(berth.config)
    const server = await serverOf({ engine, config: berth.config }, await store.services.get(service))
    return (await runIn(engine, server?.Id ?? '', { words, ...(input !== undefined && { input }) }, 'client')).trim()
  }
  const urlOf = async (service: string): Promise<string> => {
    await using store = await openStore(berth.config)
    return (await store.services.get(service)).links[0]?.url ?? ''
  }
  const psql = (service: string, url: string, sql: string) =>
    ask(service, ['psql', '-v', 'ON_ERROR_STOP=1', '-qAt', url], sql)
  const redis = (service: string, url: string, ...words: string[]) =>
    ask(service, ['redis-cli', '-e', '-u', url, '--no-auth-warning', ...words])

  before(async () => {
    berth = await instance()
    const repo = await berth.repository(app)
    name = await createApp(berth, repo, 'notes')
    // by itself it would try what is new, with whatever else is asked of it waiting
    await berth.succeed('backups:schedule', '--verify', '0')
    await berth.succeed('storage:mount', 'data:/app/data', '-a', name)
    const pushed = await repo.push()
    expect(pushed, pushed.stderr).to.include({ code: 0 })
    for (const [kind, service] of [
      ['postgres', db],
      ['redis', cache],
    ] as const) {
      const made = await berth.berth(['services:create', kind, service], { timeoutMs: 600_000 })
      expect(made, made.stderr).to.include({ code: 0 })
      await berth.succeed('services:link', service, '-a', name)
    }
  })

  it('of PostgreSQL come back in its place, with what was there until then kept', async () => {
    const url = await urlOf(db)
    await psql(db, url, "create table t (v text); insert into t select 'row ' || n from generate_series(1, 1000) n")
    const made = await backup(db)
    expect(made).to.include({ kind: 'postgres', within: true, failure: null })
    await psql(db, url, "drop table t; create table other (v text); insert into other values ('later')")
    const { stderr } = await berth.succeed('backups:restore', made.id, '--confirm', db)
    const [, kept = ''] = /is in (\S+), which is stopped/.exec(stderr) ?? []
    // as the app, by the password that it has
    expect(await psql(db, url, 'select count(*), max(v) from t')).to.equal('1000|row 999')
    await berth.succeed('services:start', kept)
    expect(await psql(kept, '--dbname=main', 'select 1').catch((error: unknown) => String(error))).to.be.a('string')
    expect(await ask(kept, ['psql', '-qAt', '--host=/tmp', '--dbname=main', '-c', 'select v from other'])).to.equal(
      'later',
    )
    await berth.succeed('services:destroy', kept, '--confirm', kept)
    expect(await psql(db, url, 'select count(*) from t')).to.equal('1000')
  })

  it('of Redis come back in a new service', async () => {
    const url = await urlOf(cache)
    await redis(cache, url, 'SET', 'greeting', 'hello')
    await redis(cache, url, 'RPUSH', 'list', 'a', 'b', 'c')
    const made = await backup(cache)
    await redis(cache, url, 'FLUSHALL')
    const to = freshName('back')
    await berth.succeed('backups:restore', made.id, '--to', to)
    await berth.succeed('services:link', to, '-a', name, '--as', 'BACK')
    const again = await urlOf(to)
    expect(await redis(to, again, 'GET', 'greeting')).to.equal('hello')
    expect(await redis(to, again, 'LRANGE', 'list', '0', '-1')).to.equal('a\nb\nc')
    await berth.succeed('services:restart', to)
    expect(await redis(to, again, 'GET', 'greeting')).to.equal('hello')
    expect(await refused('backups:restore', made.id, '--to', to)).to.contain('already')
    await berth.succeed('services:unlink', to, '-a', name)
    await berth.succeed('services:destroy', to, '--confirm', to)
  })

  it('of a volume come back in a new one, with owners, rights and links', async () => {
    const write =
      'cd /app/data; mkdir -p a/b; echo deep >a/b/c; ln -s a/b/c link; umask 077; echo mine >secret; head -c 3000000 /dev/urandom >noise'
    await berth.succeed('run', '-a', name, '--', 'sh', '-c', write)
    const look = 'cd "$0"; find . -printf "%p %y %m %U:%G %l\\n" | sort; find . -type f | sort | xargs sha256sum'
    const before = (await berth.succeed('run', '-a', name, '--', 'sh', '-c', look, '/app/data')).stdout
    const made = await backup(`${name}/data`)
    await berth.succeed('backups:restore', made.id, '--to', `${name}/data2`)
    await berth.succeed('storage:mount', 'data2:/app/data2', '-a', name)
    const after = (await berth.succeed('run', '-a', name, '--', 'sh', '-c', look, '/app/data2')).stdout
    expect(after).to.equal(before).and.to.contain('./a/b/c f 644 4321:4321').and.to.contain('./secret f 600')
    expect(await refused('backups:restore', made.id, '--to', 'data2')).to.contain('already')
    expect(await refused('backups:restore', made.id)).to.contain('--to')
  })

  it('are proven by a trial, of which nothing is left', async () => {
    const [made] = await json<BackupView[]>('backups', db)
    await berth.succeed('backups:verify', made?.id ?? '')
    const info = await json<BackupView>('backups:info', made?.id ?? '')
    expect(info.proven?.things).to.be.greaterThan(0)
    expect((await subject(db))?.proven).to.equal(info.proven?.at)
    const services = (await json<{ name: string }[]>('services')).map((one) => one.name)
    expect(services.sort()).to.deep.equal([cache, db].sort())
    expect(await readdir(join(berth.config.root, 'backups/spool'))).to.deep.equal([])
  })

  it('are scheduled from the first night, as somebody says', async () => {
    expect((await subject(db))?.schedule).to.equal('30 3 * * *')
    expect(Date.parse((await subject(db))?.next ?? '')).to.be.within(Date.now(), Date.now() + 25 * 3_600_000)
    await berth.succeed('backups:schedule', 'off', '--of', `${name}/data2`)
    expect((await subject(`${name}/data2`))?.next).to.equal(null)
    expect(await refused('backups:schedule', '61 * * * *')).to.contain('no schedule')
    expect(await refused('backups:schedule', '--of', 'nothing', 'off')).to.contain('no service named')
    await berth.succeed('backups:schedule', '--daily', '3', '--verify', '30')
    const { stdout } = await berth.succeed('backups:schedule')
    expect(stdout).to.contain('3 daily, 4 weekly, 12 monthly').and.to.contain('every 30 days')
    await berth.succeed('backups:schedule', '--verify', '0')
  })

  it('leave what there is as it is when they are damaged, and say so', async () => {
    const url = await urlOf(db)
    await psql(db, url, 'insert into t select md5(n::text) from generate_series(1, 50000) n')
    const made = await backup(db)
    const packs = join(berth.config.root, 'backups/repository/data')
    const damaged: [string, Buffer][] = []
    for (const folder of await readdir(packs))
      for (const file of await readdir(join(packs, folder))) {
        const path = join(packs, folder, file)
        if ((await stat(path)).mtimeMs < Date.parse(made.at)) continue
        const whole = await readFile(path)
        damaged.push([path, whole])
        // it is another file then: restic has made them to be read only
        await rm(path)
        await writeFile(path, Buffer.from(whole).fill(0, 100, whole.length - 100))
      }
    expect(damaged).not.to.deep.equal([])
    expect(await refused('backups:restore', made.id, '--confirm', db)).to.contain('what was there before stays')
    expect(await refused('backups:verify', made.id)).to.match(/repository|restored/)
    expect((await subject(db))?.failure).to.be.a('string')
    expect(await psql(db, url, 'select count(*) from t')).to.equal('51000')
    const { stdout } = await berth.berth(['doctor'])
    expect(stdout).to.contain(db)
    for (const [path, whole] of damaged) await writeFile(path, whole)
    await berth.succeed('backups:verify', made.id)
    expect((await subject(db))?.failure).to.equal(null)
  })

  it('are whole or not there when the worker is killed in the middle', async () => {
    const url = await urlOf(db)
    await psql(
      db,
      url,
      'create table big as select md5(n::text) || md5((n + 1)::text) v from generate_series(1, 400000) n',
    )
    const pid = () => new Pids(pidsFile(berth.config)).alive()['worker']?.pid ?? 0
    const count = async () => (await json<BackupView[]>('backups', db)).length
    const before = await count()
    const making = berth.berth(['backups:create', db])
    await eventually(
      async () => (await readdir(join(berth.config.root, 'backups/spool'))).length > 0,
      'a dump on its way',
    )
    process.kill(pid(), 'SIGKILL')
    const outcome = await making
    expect(outcome, outcome.stderr).to.include({ code: 0 })
    // begun anew by the next worker, and whole then
    await eventually(async () => (await count()) === before + 1, 'the backup')
    const [made] = await json<BackupView[]>('backups', db)
    const jobs = await json<BackupJobView[]>('backups:jobs')
    expect(jobs.find(({ id }) => id === made?.id)?.state).to.be.oneOf(['running', 'succeeded'])
    await berth.succeed('backups:verify', made?.id ?? '')
    expect(await readdir(join(berth.config.root, 'backups/spool'))).to.deep.equal([])
  })

  it('can be called off: what there is stays', async () => {
    const url = await urlOf(db)
    const [made] = await json<BackupView[]>('backups', db)
    const restoring = berth.berth(['backups:restore', made?.id ?? '', '--confirm', db])
    const running = async () =>
      (await json<BackupJobView[]>('backups:jobs')).find(({ task, state }) => task === 'restore' && state === 'running')
    await eventually(async () => (await running())?.note === 'restoring', 'the restore')
    await berth.succeed('backups:cancel', (await running())?.id ?? '')
    expect((await restoring).stderr).to.contain('called off')
    expect(await psql(db, url, 'select count(*) from big')).to.equal('400000')
    expect((await json<{ name: string }[]>('services')).map((one) => one.name).sort()).to.deep.equal([cache, db].sort())
  })

  it('keep their key to themselves, out of the repository, for one who may have it', async () => {
    const { stdout } = await berth.succeed('backups:key')
    const file = join(berth.config.root, 'backups/key')
    expect((await stat(file)).mode & 0o777).to.equal(0o600)
    expect(stdout).to.equal(await readFile(file, 'utf8'))
    const { stdout: listed } = await berth.succeed('backups:jobs')
    expect(listed).not.to.contain(stdout.trim())
  })

  it('are removed for good', async () => {
    const all = await json<BackupView[]>('backups', cache)
    const id = all[0]?.id ?? ''
    expect(await refused('backups:remove', id, '--confirm', 'x')).to.contain('is not the backup')
    await berth.succeed('backups:remove', id, '--confirm', id)
    expect(await refused('backups:info', id)).to.contain('no backup')
    expect(await connectEngine(berth.config).containers.list([`berth.backup=${berth.config.name}`])).to.deep.equal([])
  })
})
