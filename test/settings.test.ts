import { expect } from 'chai'
import { readSettings, settings, type Settings } from '../src/settings.js'

/** What is wrong with a setting that has this text; undefined when it is read. */
function problem(name: keyof Settings, text: string): string | undefined {
  const problems: Record<string, string> = {}
  readSettings({ [name]: text }, (wrong, why) => (problems[wrong] = why))
  const { [name]: found, ...others } = problems
  expect(others).to.deep.equal({})
  return found
}

describe('a setting', () => {
  it('has its default where nothing is given, or none', () => {
    const read = readSettings({}, (name, why) => expect.fail(`${name} ${why}`))
    expect(Object.keys(read)).to.deep.equal(Object.keys(settings))
    expect(read).to.include({ BERTH_ROOT: '/var/lib/berth', BERTH_HTTP_PORT: 80, BERTH_BUILD_LIMIT: '30m' })
    expect(read.BERTH_ENGINE).to.equal(undefined)
    expect(read.BERTH_GIT_MEMORY).to.be.within(64, 1024)
  })

  it('that is a hostname is read in lower case', () => {
    expect(readSettings({ BERTH_DOMAIN: 'Apps.Example' }, () => undefined).BERTH_DOMAIN).to.equal('apps.example')
  })

  const right: [keyof Settings, string][] = [
    ['BERTH_HTTP_PORT', '1'],
    ['BERTH_HTTP_PORT', '65535'],
    ['BERTH_RUN_LIMIT', '20d'],
    ['BERTH_POOL', '172.255.0.0/16'],
    ['BERTH_BUILD_CPUS', '1.5'],
    ['BERTH_REACH', 'host:53/udp, link-local'],
    ['BERTH_DOMAIN', `${'a'.repeat(63)}.test`],
  ]
  for (const [name, text] of right)
    it(`${name} may be ${text.slice(0, 30)}`, () => expect(problem(name, text)).to.equal(undefined))

  const wrong: [keyof Settings, string, string][] = [
    ['BERTH_RUN', 'run/berth', 'must be an absolute path'],
    ['BERTH_POOL', '10.256.0.0/16', 'must be an IPv4 network like 10.87.0.0/16'],
    ['BERTH_POOL', '300.1.0.0/16', 'must be an IPv4 network like 10.87.0.0/16'],
    ['BERTH_NAME', 'Berth', 'must be up to 31 of a-z, 0-9 and -, a letter first'],
    ['BERTH_HTTP_PORT', '0', 'must be a whole number from 1 to 65535'],
    ['BERTH_HTTP_PORT', '65536', 'must be a whole number from 1 to 65535'],
    ['BERTH_CHANGES', '1.5', 'must be a whole number from 1 to 1000'],
    ['BERTH_DEPLOYS', 'two', 'must be a whole number from 1 to 64'],
    ['BERTH_RUN_LIMIT', '21d', 'write it as 90s, 30m or 2h, 20d at most'],
    ['BERTH_BUILD_LIMIT', '90', 'write it as 90s, 30m or 2h, 20d at most'],
    ['BERTH_DENY_PRIVILEGED', 'yes', 'must be 0 or 1'],
    ['BERTH_DISK_RESERVE', '1G', 'must be a whole number'],
    ['BERTH_REACH', 'hosts', 'must be host, host:PORT[/udp] or link-local, by commas'],
    ['BERTH_DOMAIN', `${'a'.repeat(64)}.test`, 'not a domain name'],
    ['BERTH_DOMAIN', `${'a.'.repeat(90)}a`, 'not a domain name'],
  ]
  for (const [name, text, why] of wrong)
    it(`${name} may not be ${text.slice(0, 30)}`, () => expect(problem(name, text)).to.equal(why))
})
