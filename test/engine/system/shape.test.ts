import { expect } from 'chai'
import { bodies } from '../../../src/engine/api/bodies.js'
import { checkShape, decode, mapOf, type Shape } from '../../../src/engine/system/shape.js'

describe('a JSON body', () => {
  const read = (text: string, shape: Shape) => decode(JSON.parse(text), shape)

  it('may name its fields in any case, at any depth', () => {
    const body = {
      image: 'x',
      CMD: ['a'],
      tTY: true,
      hostconfig: {
        TmpFs: { '/Tmp': 'size=1M' },
        portbindings: { '80/tcp': [{ hostip: '::1', HOSTPORT: '8080' }] },
        ulimits: [{ name: 'nofile', soft: 1, hard: 2 }],
        restartPolicy: { name: 'always' },
        logconfig: { type: 'json-file', config: { 'max-size': '1k' } },
      },
      networkingConfig: { endpointsconfig: { Net: { ipamconfig: { ipv4address: '10.0.0.2' }, aliases: ['A'] } } },
    }
    expect(decode(body, bodies.create)).to.deep.equal({
      Image: 'x',
      Cmd: ['a'],
      Tty: true,
      HostConfig: {
        Tmpfs: { '/Tmp': 'size=1M' },
        PortBindings: { '80/tcp': [{ HostIp: '::1', HostPort: '8080' }] },
        Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }],
        RestartPolicy: { Name: 'always' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1k' } },
      },
      NetworkingConfig: { EndpointsConfig: { Net: { IPAMConfig: { IPv4Address: '10.0.0.2' }, Aliases: ['A'] } } },
    })
  })

  it('keeps the keys of maps as they are, also those that look like fields', () => {
    const maps = {
      Labels: { image: '1', Image: '2', IMAGE: '3', __proto__x: '4' },
      Volumes: { '/Data': {}, '/data': {} },
      ExposedPorts: { '80/TCP': {} },
      HostConfig: { Sysctls: { 'Net.a': '1' }, PortBindings: { hostip: null } },
    }
    expect(decode({ ...maps }, bodies.create)).to.deep.equal(maps)
    expect(read('{"labels":{"__proto__":"x"}}', bodies.volume)).to.deep.equal(
      JSON.parse('{"Labels":{"__proto__":"x"}}'),
    )
    expect(read('{"__proto__":{"Name":"x"}}', bodies.volume)).not.to.have.property('Name')
  })

  it('has of several keys for one field the last, whatever their case', () => {
    for (const text of ['{"Name":"a","name":"b"}', '{"name":"a","Name":"b"}', '{"NAME":"a","naMe":"b"}'])
      expect(read(text, bodies.volume)).to.deep.equal({ Name: 'b' })
    // nothing is no string, to Go
    expect(read('{"Name":"a","name":null}', bodies.volume)).to.deep.equal({ Name: 'a' })
    expect(read('{"Labels":{"a":"1"},"labels":{"b":"2"}}', bodies.volume)).to.deep.equal({ Labels: { a: '1', b: '2' } })
    expect(read('{"HostConfig":{"Memory":1},"hostConfig":{"memory":2,"cpuShares":3}}', bodies.create)).to.deep.equal({
      HostConfig: { Memory: 2, CpuShares: 3 },
    })
  })

  it('prefers a field of the very name', () => {
    const shape: Shape = { name: 'a string', Name: 'a string' }
    expect(read('{"Name":"a","name":"b"}', shape)).to.deep.equal({ Name: 'a', name: 'b' })
  })

  it('folds as Go does, and no further', () => {
    expect(read('{"Ta\u017fk":"x","\u212aey":"y"}', { Task: 'a string', Key: 'a string' })).to.deep.equal({
      Task: 'x',
      Key: 'y',
    })
    expect(read('{"Ke\u0301y":"x","kęy":"y"}', { Key: 'a string' })).not.to.have.property('Key')
  })

  it('leaves what is of another type for whoever checks it', () => {
    expect(read('{"hostconfig":[1],"labels":"x"}', bodies.create)).to.deep.equal({ HostConfig: [1], Labels: 'x' })
    const check = (value: unknown) => checkShape(value, mapOf({ Port: 'an integer' }))
    check({ a: { Port: 1 }, b: null })
    expect(() => check({ a: { Port: '1' } })).to.throw('a.Port is not an integer')
  })
})
