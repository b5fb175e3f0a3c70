import { expect } from 'chai'
import { own } from '../../src/lib/own.js'

describe('a value under a name that somebody chose', () => {
  it('is the record’s own, whatever that is', () => {
    expect(own({ web: 'node .' }, 'web')).to.equal('node .')
    expect(own<unknown>({ constructor: 'x' }, 'constructor')).to.equal('x')
    expect(own(JSON.parse('{"__proto__":"y"}') as Record<string, string>, '__proto__')).to.equal('y')
    expect(own({ empty: '' }, 'empty')).to.equal('')
  })

  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', ''])
    it(`is none where the record has no ${JSON.stringify(name)}`, () => {
      expect(own({ web: 'node .' }, name)).to.equal(undefined)
      expect(own(Object.create(null) as Record<string, string>, name)).to.equal(undefined)
    })
})
