import { format, inspect } from 'node:util'
import { expect } from 'chai'
import { Secret } from '../../src/lib/secret.js'
import { createLog } from '../../src/log.js'

describe('a secret', () => {
  const secret = new Secret('hunter2')

  it('is told to who asks for it', () => expect(secret.reveal()).to.equal('hunter2'))

  for (const [way, print] of Object.entries<() => string>({
    'a template': () => String(secret),
    JSON: () => JSON.stringify({ a: [secret] }),
    inspect: () => inspect({ a: new Map([[secret, secret]]) }, { depth: 9, showHidden: true }),
    format: () => format('%s %o %j', secret, secret, secret),
    'an error': () => inspect(new Error('x', { cause: secret })),
    'a copy': () => JSON.stringify(Object.assign({}, secret, Object.entries(secret))),
    'a log': () => {
      let line = ''
      createLog('test', { write: (text) => (line += text) }).info(
        { secret, of: new Error('x', { cause: secret }) },
        'told',
      )
      return line
    },
  }))
    it(`is not printed by ${way}`, () => expect(print()).to.not.include('hunter2'))
})
