import { expect } from 'chai'
import * as clients from '../e2e/services/clients.js'
import { describeService } from '../e2e/services/suite.js'
import { freshName, instance, type Instance } from '../e2e/instance.js'

/** Versions that the usual tests do not try. */
const others: Readonly<Record<keyof typeof clients, readonly string[]>> = {
  postgres: ['17', '13'],
  mariadb: ['11.8', '10.5'],
  redis: ['8', '6'],
  memcached: [],
  rabbitmq: ['3.10', '4.0', '3.8'],
}

for (const [kind, versions] of Object.entries(others))
  for (const version of versions) describeService({ ...clients[kind as keyof typeof clients], version })

/** Where each says of which version its data is. */
const stamps: Readonly<Record<string, string>> = {
  postgres: '/var/lib/berth-postgres/data/PG_VERSION',
  mariadb: '/var/lib/berth-mariadb/data/berth-version',
  redis: '/var/lib/berth-redis/version',
  rabbitmq: '/var/lib/berth-rabbitmq/version',
}

describe('a service whose volume is another', function () {
  this.timeout(660_000)
  let berth: Instance
  before(async () => {
    berth = await instance()
  })
  /** Has it start on what a script has made of its volume. @returns what is said */
  const startAfter = async (name: string, script: string): Promise<string> => {
    await berth.succeed('services:enter', name, '--', 'sh', '-c', script)
    const { code, stderr } = await berth.berth(['services:restart', name], { timeoutMs: 120_000 })
    expect(code, stderr).to.equal(1)
    const info = JSON.parse((await berth.succeed('services:info', name, '--json')).stdout) as { state: string }
    expect(info.state).to.equal('failed')
    return stderr
  }

  for (const [kind, stamp] of Object.entries(stamps))
    it(`does not start as ${kind} on data of another version, nor on none`, async () => {
      const name = freshName(kind)
      const made = await berth.berth(['services:create', kind, name], { timeoutMs: 600_000 })
      expect(made, made.stderr).to.include({ code: 0 })
      const volume = stamp.split('/').slice(0, 4).join('/')
      expect(await startAfter(name, `cp ${stamp} ${volume}/was && printf 99 >${stamp}`)).to.match(
        /the data is of .* 99/,
      )
      // it serves nothing, so that what is in its volume is mended by another
      const again = freshName(kind)
      await berth.succeed('services:create', kind, again)
      expect(await startAfter(again, `find ${volume} -mindepth 1 -delete`)).to.contain('the volume has no data of')
      for (const one of [name, again]) await berth.succeed('services:destroy', one, '--confirm', one)
    })
})
