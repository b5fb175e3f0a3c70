import { expect } from 'chai'
import fc from 'fast-check'
import { parseRoute } from '../../src/router/record.js'

const target = { id: 'c1', process: 'web.1', host: '10.87.1.2', port: 5000 }
const route = { app: 'a1', name: 'blog', hosts: ['blog.test'], targets: [target], version: 3 }

describe('a route as JSON', () => {
  it('is read', () => {
    const paths = [{ host: 'shop.test', path: '/api', root: 'a2', strip: true }]
    for (const one of [route, { ...route, paths }]) expect(parseRoute(JSON.stringify(one))).to.deep.equal(one)
  })

  for (const [what, wrong] of Object.entries<object | null>({
    'no app': { ...route, app: undefined },
    'hosts that are no list': { ...route, hosts: 'blog.test' },
    'a host that is a number': { ...route, hosts: [1] },
    'a target without a port': { ...route, targets: [{ ...target, port: undefined }] },
    'port 70000': { ...route, targets: [{ ...target, port: 70000 }] },
    'a path that does not say whose hostname it is of': { ...route, paths: [{ host: 'shop.test', path: '/api' }] },
    'a path of two minds': { ...route, paths: [{ host: 'shop.test', path: '/api', root: 'a2', strip: 'no' }] },
    'a version in words': { ...route, version: 'three' },
    null: null,
  }))
    it(`is refused with ${what}`, () => expect(parseRoute(JSON.stringify(wrong))).to.equal(null))

  it('never throws, whatever the text', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseRoute(text) === null))
  })
})
