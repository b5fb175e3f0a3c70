import { expect } from 'chai'
import fc from 'fast-check'
import { parseRoute } from '../../src/router/record.js'

const target = { id: 'c1', process: 'web.1', host: '10.87.1.2', port: 5000 }
const route = { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [target], version: 3 }

describe('a route as JSON', () => {
  it('is read', () => {
    const paths = [{ host: 'shop.test', path: '/api', root: 'a2', strip: true }]
    const ports = [
      { port: 5432, protocol: 'tcp', to: 5000, type: 'web', introduced: true },
      { port: 53, protocol: 'udp', to: 53, type: 'dns' },
    ]
    for (const one of [route, { ...route, paths }, { ...route, ports, others: [{ ...target, process: 'dns.1' }] }])
      expect(parseRoute(JSON.stringify(one))).to.deep.equal(one)
  })

  for (const [what, wrong] of Object.entries<object | null>({
    'no app': { ...route, app: undefined },
    'hosts that are no list': { ...route, hosts: 'blog.test' },
    'a host that is a number': { ...route, hosts: [1] },
    'a target without a port': { ...route, targets: [{ ...target, port: undefined }] },
    'port 70000': { ...route, targets: [{ ...target, port: 70000 }] },
    'a path that does not say whose hostname it is of': { ...route, paths: [{ host: 'shop.test', path: '/api' }] },
    'a path of two minds': { ...route, paths: [{ host: 'shop.test', path: '/api', root: 'a2', strip: 'no' }] },
    'a port that is none': { ...route, ports: [{ port: 0, protocol: 'tcp', to: 1, type: 'web' }] },
    'a port of no protocol': { ...route, ports: [{ port: 1, protocol: 'sctp', to: 1, type: 'web' }] },
    'a port that leads to no type': { ...route, ports: [{ port: 1, protocol: 'tcp', to: 1 }] },
    'others that are no targets': { ...route, others: [{}] },
    'a version in words': { ...route, version: 'three' },
    null: null,
  }))
    it(`is refused with ${what}`, () => expect(parseRoute(JSON.stringify(wrong))).to.equal(null))

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseRoute(text) === null))
  })
})
