import { expect } from 'chai'
import type { ServiceInfo } from '../../src/api/contract.js'
import { connectEngine } from '../../src/engine-client/client.js'
import { messageOf } from '../../src/errors.js'
import type { ServiceCommand } from '../../src/plugins/kinds/service.js'
import { pidsFile } from '../../src/serve/instance.js'
import { Pids } from '../../src/serve/pids.js'
import { runIn } from '../../src/services/command.js'
import { serverOf } from '../../src/services/server.js'
import { openStore } from '../../src/store/store.js'
import { eventually } from '../e2e/engine/harness.js'
import { freshName, instance, type Instance } from '../e2e/instance.js'
import { mariadb, postgres, redis } from '../e2e/services/clients.js'
import type { ServiceUnderTest } from '../e2e/services/suite.js'

/** Puts something beside what there is: without what is made once. */
const more = ({ words, input }: ServiceCommand): ServiceCommand => ({
  words,
  ...(input !== undefined && { input: input.replaceAll(/create (table|view)[^;]*;?/g, '') }),
})

/** From one version of a service to the next, with what it has: real servers of two releases of Debian. */
function describeUpgrade({ kind, put, get }: ServiceUnderTest, from: string, to: string): void {
  describe(`an upgrade of ${kind} ${from} to ${to}`, function () {
    this.timeout(900_000)
    let berth: Instance
    const [name, app] = [freshName(kind), freshName('app')]

    const urlOf = async (): Promise<string> => {
      await using store = await openStore(berth.config)
      return (await store.services.get(name)).links[0]?.url ?? ''
    }
    const ask = async (command: ReturnType<typeof get>, service = name): Promise<string> => {
      await using store = await openStore(berth.config)
      const engine = connectEngine(berth.config)
      const server = await serverOf({ engine, config: berth.config }, await store.services.get(service))
      return (await runIn(engine, server?.Id ?? '', command, 'client')).trim()
    }
    const info = async (of = name): Promise<ServiceInfo> =>
      JSON.parse((await berth.succeed('services:info', of, '--json')).stdout) as ServiceInfo
    const slowly = async (...args: string[]) => {
      const done = await berth.berth(args, { timeoutMs: 600_000 })
      expect(done, done.stderr).to.include({ code: 0 })
      return done
    }
    const workerPid = (): number => new Pids(pidsFile(berth.config)).alive().worker?.pid ?? 0

    before(async () => {
      berth = await instance()
      await slowly('services:create', kind, name, '--version', from)
      await berth.succeed('apps:create', app)
      await berth.succeed('services:link', name, '-a', app)
      await ask(put(await urlOf(), 'first'))
    })

    it('is refused where it cannot be', async () => {
      const refused = async (...args: string[]): Promise<string> => {
        const { code, stderr } = await berth.berth(args)
        expect(code, args.join(' ')).not.to.equal(0)
        return stderr
      }
      expect(await refused('services:upgrade', name, '--version', from, '--confirm', name)).to.contain('already')
      expect(await refused('services:upgrade', name, '--version', '999', '--confirm', name)).to.contain('there is no')
      expect(await refused('services:upgrade', name, '--version', to, '--confirm', 'other')).to.contain(
        'is not the name',
      )
      expect(await refused('services:upgrade', name, '--version', to)).to.contain('must be confirmed')
      expect(await refused('services:clone', name, name)).to.contain('already')
      expect(await refused('services:clone', name, '../x')).to.contain("is not a service's name")
      expect(await refused('services:undo', name, '--confirm', name)).to.contain('nothing that')
      expect((await info()).version).to.equal(from)
    })

    it('may be rehearsed, of which nothing is left', async () => {
      const { stderr } = await slowly('services:upgrade', name, '--version', to, '--rehearse')
      expect(stderr).to.contain(`${kind} ${to} takes what ${name} has`)
      expect((await info()).version).to.equal(from)
      expect((await berth.succeed('services')).stdout).to.not.contain('trial')
      expect(await ask(get(await urlOf()))).to.contain('first')
    })

    it('keeps what there is, the URL and the password, also where the worker dies in the middle', async () => {
      const url = await urlOf()
      const under = berth.berth(['services:upgrade', name, '--version', to, '--confirm', name], { timeoutMs: 600_000 })
      while (!(await berth.succeed('backups:jobs')).stdout.includes('letting nobody in'));
      const before = workerPid()
      process.kill(before, 'SIGKILL')
      await eventually(() => Promise.resolve(![0, before].includes(workerPid())), 'another worker')
      const { code, stderr } = await under
      expect(code, stderr).to.equal(0)
      expect((await info()).version).to.equal(to)
      expect(await urlOf()).to.equal(url)
      expect(await ask(get(url))).to.contain('first')
      await ask(more(put(url, 'second')))
    })

    it('is undone, with what was written since then kept', async () => {
      await slowly('services:undo', name, '--confirm', name)
      const { version, state } = await info()
      expect({ version, state }).to.deep.equal({ version: from, state: 'running' })
      const url = await urlOf()
      expect(await ask(get(url)))
        .to.contain('first')
        .and.not.contain('second')
      await slowly('services:undo', name, '--confirm', name)
      expect((await info()).version).to.equal(to)
      expect(await ask(get(url))).to.contain('second')
    })

    it('is none of a clone, which has what there was and lets in nobody', async () => {
      await slowly('services:clone', name, `${name}-copy`)
      const copy = await info(`${name}-copy`)
      expect(copy).to.deep.include({ kind, version: to, state: 'running', links: [] })
      const url = await urlOf()
      const other = new URL(url)
      expect(await ask(get(url))).to.contain('second')
      other.hostname = '127.0.0.1'
      expect(await ask(get(other.href), `${name}-copy`).then(() => 'it may', messageOf)).not.to.equal('it may')
      await berth.succeed('services:destroy', `${name}-copy`, '--confirm', `${name}-copy`)
      expect(await ask(get(url))).to.contain('second')
    })
  })
}

describeUpgrade(postgres, '15', '17')
describeUpgrade(redis, '7', '8')
describeUpgrade(mariadb, '10.11', '11.8')
