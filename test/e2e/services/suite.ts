import { Readable, Writable } from 'node:stream'
import { expect } from 'chai'
import { connectEngine } from '../../../src/engine-client/client.js'
import { messageOf } from '../../../src/errors.js'
import type { ServiceCommand } from '../../../src/plugins/kinds/service.js'
import { createLog } from '../../../src/log.js'
import { ServicePlugins } from '../../../src/plugins/services.js'
import { runIn } from '../../../src/services/command.js'
import { checkService, dumpService, restoreService } from '../../../src/services/dump.js'
import { serverOf } from '../../../src/services/server.js'
import { openStore } from '../../../src/store/store.js'
import { freshName, instance, type Instance } from '../instance.js'

/** What a suite has to know of a kind of service. */
export interface ServiceUnderTest {
  readonly kind: string
  /** The usual one unless given. */
  readonly version?: string
  /** Commands of its client, for an app that has the URL: they run in its container, by the network. */
  readonly put: (url: string, value: string) => ServiceCommand
  readonly get: (url: string) => ServiceCommand
  /** Something that only an administrator may. */
  readonly administer: (url: string) => ServiceCommand
  /** Whether what was put outlives its process. */
  readonly keeps: boolean
  /** Has its plugin there, where it did not come with Berth. */
  readonly install?: (berth: Instance) => Promise<void>
}

/** What every service does, whoever wrote its recipe: with a real server, in an instance of Berth. */
export function describeService({ kind, version, put, get, administer, keeps, install }: ServiceUnderTest): void {
  const of = version === undefined ? [] : ['--version', version]
  describe(`${[kind, ...of.slice(1)].join(' ')} as a service`, function () {
    this.timeout(660_000)
    let berth: Instance
    const name = freshName(kind)
    const [one, other] = [freshName('one'), freshName('other')]

    /** Runs in the service's container what an app would, with its URL. */
    const ask = async (command: (url: string) => ServiceCommand, app: string, url?: string): Promise<string> => {
      await using store = await openStore(berth.config)
      const engine = connectEngine(berth.config)
      const service = await store.services.get(name)
      const { id } = await store.apps.get(app)
      const link = service.links.find((link) => link.app === id && !link.ends)
      const server = await serverOf({ engine, config: berth.config }, service)
      return (await runIn(engine, server?.Id ?? '', command(url ?? link?.url ?? ''), 'client')).trim()
    }
    const refusal = (...asked: Parameters<typeof ask>): Promise<string> => ask(...asked).then(() => 'it may', messageOf)
    const urlOf = async (app: string): Promise<string> => {
      await using store = await openStore(berth.config)
      const { id } = await store.apps.get(app)
      return (await store.services.get(name)).links.find((link) => link.app === id)?.url ?? ''
    }
    const refused = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await berth.berth(args)
      expect(code, args.join(' ')).not.to.equal(0)
      return stderr
    }

    /** Its image is made the first time, of packages of Debian's mirror; a server may take a minute on a busy machine. */
    const create = async (name: string): Promise<void> => {
      const made = await berth.berth(['services:create', kind, name, ...of], { timeoutMs: 600_000 })
      expect(made, made.stderr).to.include({ code: 0 })
    }

    before(async () => {
      berth = await instance()
      await install?.(berth)
      await create(name)
      for (const app of [one, other]) await berth.succeed('apps:create', app)
    })

    it('says what it is', async () => {
      const info = JSON.parse((await berth.succeed('services:info', name, '--json')).stdout) as Record<string, unknown>
      expect(info).to.include({ kind, state: 'running', failure: null })
      expect(info.bytes).to.be.a('number')
      expect(info.connections).to.equal(0)
    })

    it('refuses names that are taken or none, kinds and versions that are not there, and too much memory', async () => {
      expect(await refused('services:create', kind, name)).to.contain('already')
      for (const bad of ['A', 'x-', '../x', 'a b', 'x'.repeat(64), '', "a'; drop"])
        expect(await refused('services:create', kind, bad)).to.contain("is not a service's name")
      expect(await refused('services:create', kind, 'x', '--version', '1; ls')).to.contain('there is no')
      expect(await refused('services:create', '../haproxy', 'x')).to.contain('there is no service of kind')
      expect(await refused('services:create', 'haproxy', 'x')).to.contain('there is no service of kind')
      expect(await refused('services:create', kind, 'x', '--memory', '900T')).to.contain('more memory')
      expect(await refused('services:info', 'x')).to.contain('no service named')
    })

    it('lets in who is linked, as themselves and as no administrator', async () => {
      for (const app of [one, other]) await berth.succeed('services:link', name, '-a', app)
      await ask((url) => put(url, 'hello'), one)
      // two that are linked to one service share its data
      expect(await ask(get, other)).to.contain('hello')
      expect(await refusal(administer, one)).not.to.equal('it may')
      const [mine, theirs] = [new URL(await urlOf(one)), new URL(await urlOf(other))]
      expect(mine.password).not.to.equal(theirs.password)
      theirs.password = mine.password
      expect(await refusal(get, other, theirs.href)).not.to.equal('it may')
      expect(await refused('services:link', name, '-a', one)).to.contain('already')
      expect(await refused('services:destroy', name, '--confirm', name)).to.contain('linked to')
    })

    it('has another password after services:rotate, and the one before is good no more', async () => {
      const before = await urlOf(one)
      await berth.succeed('services:rotate', name, '-a', one)
      expect(await urlOf(one)).not.to.equal(before)
      expect(await ask(get, one)).to.contain('hello')
      await untilSettled()
      expect(await refusal(get, one, before)).not.to.equal('it may')
    })

    it('stays what it was through kill -9, a stop, another name, and a restart', async () => {
      await using store = await openStore(berth.config)
      const server = await serverOf(
        { engine: connectEngine(berth.config), config: berth.config },
        await store.services.get(name),
      )
      process.kill(server?.State.Pid ?? 0, 'SIGKILL')
      for (const verb of ['start', 'stop', 'start', 'restart']) await berth.succeed(`services:${verb}`, name)
      await berth.succeed('services:rename', name, `${name}-b`)
      await berth.succeed('services:rename', `${name}-b`, name)
      if (keeps) expect(await ask(get, other)).to.contain('hello')
      else await ask((url) => put(url, 'hello'), other)
    })

    it('gives all of its data away, and a new one has the same then', async () => {
      await using store = await openStore(berth.config)
      const plugins = new ServicePlugins({ config: berth.config, store, log: createLog('test') })
      const deps = { config: berth.config, store, engine: connectEngine(berth.config), plugins }
      const { signal } = new AbortController()
      const from = await store.services.get(name)
      if (!keeps) {
        expect((await plugins.get(kind)).backup).to.equal(null)
        return
      }
      const chunks: Buffer[] = []
      const dump = new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          chunks.push(chunk)
          done()
        },
      })
      await dumpService(deps, from, dump, signal)
      const whole = Buffer.concat(chunks)
      const to = freshName(kind)
      await create(to)
      const into = () => store.services.get(to)
      for (const bad of [whole.subarray(0, whole.length - 100), Buffer.from('not a dump'), Buffer.alloc(0)])
        expect(
          await restoreService(deps, await into(), Readable.from([bad]), signal).then(() => 'it did', messageOf),
        ).to.contain('could not be restored')
      await berth.succeed('services:destroy', to, '--confirm', to)
      await create(to)
      await restoreService(deps, await into(), Readable.from([whole]), signal)
      await berth.succeed('services:link', to, '-a', one, '--as', 'RESTORED')
      const { links } = await into()
      const server = await serverOf(deps, await into())
      expect(await runIn(deps.engine, server?.Id ?? '', get(links[0]?.url ?? ''), 'client')).to.contain('hello')
      const checks = await Promise.all([from, await into()].map((service) => checkService(deps, service, signal)))
      expect(checks[0]).to.equal(checks[1]).and.not.to.equal('')
      await berth.succeed('services:unlink', to, '-a', one)
      await berth.succeed('services:destroy', to, '--confirm', to)
    })

    it('shows no password in its log, in lists of processes, or in what the engine tells', async () => {
      const url = new URL(await urlOf(one))
      await using store = await openStore(berth.config)
      const engine = connectEngine(berth.config)
      const server = await serverOf({ engine, config: berth.config }, await store.services.get(name))
      const { stdout } = await berth.succeed('services:logs', name, '-n', '1000')
      const words = await runIn(
        engine,
        server?.Id ?? '',
        { words: ['sh', '-c', 'cat /proc/[0-9]*/cmdline'] },
        'processes',
      )
      for (const text of [stdout, words, JSON.stringify(server)]) expect(text).not.to.contain(url.password)
    })

    it('lets in nobody who was unlinked, and then may be destroyed', async () => {
      await using store = await openStore(berth.config)
      const { id } = await store.services.get(name)
      const before = await urlOf(one)
      for (const app of [one, other]) await berth.succeed('services:unlink', name, '-a', app)
      await untilSettled()
      expect(await refusal(get, one, before)).not.to.equal('it may')
      expect(await refused('services:destroy', name, '--confirm', 'x')).to.contain('is not the name')
      await berth.succeed('services:destroy', name, '--confirm', name)
      expect(await refused('services:info', name)).to.contain('no service named')
      expect(await connectEngine(berth.config).volumes.list([`berth.service=${id}`])).to.deep.equal([])
    })

    /** Waits until all that ends of its links has ended. */
    const untilSettled = async (): Promise<void> => {
      await using store = await openStore(berth.config)
      const over = Promise.withResolvers<undefined>()
      const look = async (): Promise<void> => {
        const { links, failure } = await store.services.get(name)
        if (failure !== null) over.reject(new Error(failure))
        if (!links.some(({ ends, ending }) => ends === true || ending.length > 0)) over.resolve(undefined)
      }
      const unsubscribe = await store.notifications.subscribe('services:changed', () => void look().catch(over.reject))
      await look()
      await over.promise
      unsubscribe()
    }
  })
}
