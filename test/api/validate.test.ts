import { expect } from 'chai'
import { z } from 'zod'
import { contract } from '../../src/api/contract.js'
import type { ApiEndpoint } from '../../src/api/endpoint.js'
import { validate } from '../../src/api/validate.js'

const none = { params: undefined, query: undefined, body: undefined }
const told = (endpoint: ApiEndpoint, given: object): string => {
  try {
    validate(endpoint, { ...none, ...given })
    return 'taken'
  } catch (error) {
    return (error as Error).message
  }
}

describe('a request', () => {
  const { config, formation, processes, apps, tokens } = contract

  it('is one record of what its parts say, read as the contract says', () => {
    const params = { app: 'blog' }
    expect(validate(processes.logs, { ...none, params, query: { follow: 'true', lines: '7' } })).to.deep.equal({
      ...{ app: 'blog', follow: true, lines: 7 },
    })
    expect(validate(processes.logs, { ...none, params, query: {} })).to.deep.equal({ app: 'blog', lines: 100 })
    expect(validate(apps.create, none)).to.deep.equal({})
  })

  it('names what it lacks, has too much, and has wrong, never the value of a text', () => {
    const params = { app: 'blog' }
    expect(told(config.change, { params, body: { set: { KEY: 7, PASS: ['hunter2'] } } })).to.equal(
      'KEY: must be text; PASS: must be text',
    )
    const wrong = { set: { port: 99_999, status: '300-200,abc' } }
    expect(told(contract.checks.change, { params, body: wrong })).to.match(
      /^port=99999: at most 65535; status: is a status such as [^;]+$/,
    )
    expect(told(contract.routing.change, { params, body: { users: { 'a:b': 'x' } } })).to.equal(
      'users.a:b: must be 1 to 64 characters, without a colon',
    )
    expect(told(config.change, { params: {}, body: { sett: {} } })).to.match(/^app: is missing$/)
    expect(told(config.change, { params, body: { sett: {}, x: 1 } })).to.equal('there is no "sett", "x" here')
    expect(told(apps.destroy, { params, query: {} })).to.equal('confirm: is missing')
    expect(told(apps.list, { query: { page: '2' } })).to.equal('this operation takes no query')
    expect(told(apps.list, { query: {}, body: [] })).to.equal('taken')
    expect(told(apps.list, { body: 'x' })).to.equal('this operation takes no body')
    expect(told(tokens.create, { body: { name: '' } })).to.equal('name: at least 1 characters')
    expect(told(tokens.create, { body: { name: 'x'.repeat(101) } })).to.equal('name: at most 100 characters')
    expect(told(processes.logs, { params, query: { lines: '-1', follow: 'yes' } })).to.equal(
      'lines: at least 0; follow: must be true or false',
    )
    for (const body of [null, undefined, {}]) expect(told(config.change, { params, body })).to.equal('taken')
    for (const body of ['{', 7, true, []]) expect(told(config.change, { params, body })).to.equal('must be an object')
  })

  it('for a scale is answered in the words of `berth ps:scale`', () => {
    const scale = (web: object) => told(formation.scale, { params: { app: 'x' }, body: { formation: { web } } })
    expect(scale({ quantity: 100_000 })).to.equal('web=100000: at most 100 of one type')
    expect(scale({ quantity: 1.5 })).to.equal('web: must be a whole number')
    expect(scale({ memory: 4 })).to.equal('web: 4 bytes of memory: at least 16M')
    expect(scale({ cpus: 0 })).to.equal('web: 0 of cpus: at least 0.01')
    expect(scale({ quantity: '2' })).to.match(/^web: /)
    expect(scale({ size: 2 })).to.equal('formation.web: there is no "size" here')
  })

  it('may not hide what would be lost, at any depth', () => {
    const body = (text: string) => ({ params: { app: 'x' }, body: JSON.parse(text) as unknown })
    for (const text of ['{"__proto__":{}}', '{"set":{"__proto__":"1"}}', '{"set":{"A":[{"__proto__":1}]}}'])
      expect(told(config.change, body(text)), text).to.equal('nothing can have the name __proto__')
    const deep = `${'['.repeat(20_000)}{"__proto__":1}${']'.repeat(20_000)}`
    expect(told(config.change, body(`{"set":${deep}}`))).to.equal('nothing can have the name __proto__')
    expect(told(config.change, body('{"set":{"constructor":"1","toString":"2"}}'))).to.equal('taken')
  })

  it('that is wrong in a thousand places is told of a few, in few words', () => {
    const set = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`${'K'.repeat(900)}${n}`, n]))
    const many = told(config.change, { params: { app: 'x' }, body: { set } })
    expect(many).to.match(/must be text.* and 99\d more$/)
    expect(many.length).to.be.below(4000)
    const formation = { formation: { ['x'.repeat(900_000)]: { quantity: -1, memory: 'y' } } }
    expect(told(contract.formation.scale, { params: { app: 'x' }, body: formation }).length).to.be.below(500)
    expect(told(config.change, { params: { app: 'x' }, body: set }).length, 'unknown keys').to.be.below(1000)
  })

  it('is told in its own words what a schema says for people', () => {
    const endpoint: ApiEndpoint = {
      ...{ summary: '', needs: 'nothing', reply: z.null() },
      body: z.strictObject({
        day: z.string().regex(/^\d+$/, 'a day is a number'),
        at: z.array(z.int()).max(1).optional(),
      }),
    }
    expect(told(endpoint, { body: { day: 'x' } })).to.equal('day: a day is a number')
    expect(told(endpoint, { body: { day: '1', at: [1, 2] } })).to.equal('at: at most 1')
    expect(told(endpoint, { body: { day: '1', at: ['x'] } })).to.equal('at.0: must be a number')
  })
})
