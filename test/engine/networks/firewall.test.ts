import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { ruleset, type Picture } from '../../../src/engine/networks/firewall.js'
import { parseReach } from '../../../src/engine/networks/reach.js'

const picture: Picture = {
  table: 'berth_unit',
  zones: [
    {
      bridge: 'btf00d000000001',
      subnets: ['10.250.0.0/24', 'fd00:7::/64'],
      internal: false,
      memberTraffic: true,
      masquerade: true,
      closed: true,
    },
    {
      bridge: 'btf00d000000002',
      subnets: ['10.250.1.0/24'],
      internal: true,
      memberTraffic: false,
      masquerade: true,
      closed: false,
    },
  ],
  publications: [
    { protocol: 'tcp', containerPort: 80, hostIp: '', hostPort: 8080, containerAddress: '10.250.0.2' },
    { protocol: 'udp', containerPort: 53, hostIp: '0.0.0.0', hostPort: 53, containerAddress: '10.250.0.3' },
    { protocol: 'tcp', containerPort: 80, hostIp: '127.0.0.1', hostPort: 81, containerAddress: '10.250.0.2' },
    { protocol: 'tcp', containerPort: 80, hostIp: '::', hostPort: 8080, containerAddress: 'fd00:7::2' },
  ],
  uplinks: ['eth0'],
  reach: parseReach('host:80,host:53/udp'),
}

const check = (text: string) => spawnSync('nft', ['--check', '--file', '-'], { input: text, encoding: 'utf8' })

describe('the firewall’s table', () => {
  const text = ruleset(picture)

  it('is one that nft takes, full and empty', function () {
    if (process.getuid?.() !== 0) this.skip()
    const empty = { ...picture, zones: [], publications: [], uplinks: [] }
    for (const each of [picture, empty, { ...picture, reach: parseReach('host,link-local') }])
      expect(check(ruleset(each)).stderr).to.equal('')
  })

  it('replaces the old one, and the one of older engines, in the same transaction', () =>
    expect(text.split('\n').slice(0, 5)).to.deep.equal([
      'add table inet berth_unit',
      'delete table inet berth_unit',
      'add table ip berth_unit',
      'delete table ip berth_unit',
      'table inet berth_unit {',
    ]))

  it('maps ports of every address and of one apart', () => {
    expect(text).to.include('elements = { tcp . 8080 : 10.250.0.2 . 80, udp . 53 : 10.250.0.3 . 53 }')
    expect(text).to.include('elements = { 127.0.0.1 . tcp . 81 : 10.250.0.2 . 80 }')
  })

  it('masquerades what is not internal', () => {
    expect(text).to.include('set hidden { type ipv4_addr; flags interval; elements = { 10.250.0.0/24 } }')
    expect(text).to.include('set internal { type ifname; elements = { "btf00d000000002" } }')
  })

  it('shuts closed networks out of the host and its metadata, but for what is opened', () => {
    const shutBy = (reach: string) => ruleset({ ...picture, reach: parseReach(reach) }).split('\n')
    const set = (reach: string, name: string) => shutBy(reach).find((line) => line.includes(`set ${name} `))
    expect(set('', 'shut')).to.include('elements = { "btf00d000000001" }')
    expect(set('host', 'shut')).to.not.include('elements')
    expect(set('host', 'unaware')).to.include('elements = { "btf00d000000001" }')
    expect(set('link-local', 'unaware')).to.not.include('elements')
    expect(set('host:80, host:53/udp, host:80', 'opentcp')).to.include('elements = { 80 }')
    expect(set('host:80, host:53/udp', 'openudp')).to.include('elements = { 53 }')
    for (const wrong of ['hosts', 'host:0', 'host:65536', 'host:80/sctp', 'host:80-90', '169.254.169.254'])
      expect(() => parseReach(wrong), wrong).to.throw(wrong)
  })

  it('costs the same rules however many ports are published', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({
      protocol: 'tcp' as const,
      containerPort: 80,
      hostIp: '',
      hostPort: 10_000 + i,
      containerAddress: '10.250.0.2',
    }))
    expect(ruleset({ ...picture, publications: many }).split('\n')).to.have.lengthOf(text.split('\n').length)
  })
})
