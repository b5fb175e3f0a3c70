import { expect } from 'chai'
import { isHeaderValue, isRules, isSettable } from '../src/routing-rules.js'

describe('routing rules', () => {
  const digest = 'a'.repeat(64)
  const sound: unknown[] = [
    {},
    { maintenance: true },
    { allow: ['10.0.0.0/8', '::1'], users: { me: 'scrypt:a:b' } },
    { rate: { requests: 1, seconds: 86_400 }, clientRate: { requests: 1_000_000, seconds: 1 } },
    { headers: { 'x-frame-options': 'DENY', server: '' }, body: 1, timeout: 3_600, pages: { 503: digest } },
  ]
  for (const rules of sound)
    it(`${JSON.stringify(rules).slice(0, 60)} are`, () => {
      expect(isRules(rules)).to.equal(true)
    })

  // what might keep somebody out and is not understood must not be passed over
  const unsound: unknown[] = [
    null,
    [],
    'rules',
    { unheard: true },
    { toString: true },
    { maintenance: false },
    { allow: ['everybody'] },
    { allow: '10.0.0.0/8' },
    { users: ['me'] },
    { users: { me: 1 } },
    { rate: { requests: 0, seconds: 1 } },
    { rate: { requests: 1.5, seconds: 1 } },
    { rate: null },
    { headers: { connection: 'close' } },
    { headers: { 'x-a': 'a\r\nb: c' } },
    { headers: { 'X-A': 'a' } },
    { body: -1 },
    { timeout: 3_601 },
    { pages: { 503: '../../etc/passwd' } },
  ]
  for (const rules of unsound)
    it(`${JSON.stringify(rules).slice(0, 60)} are not`, () => {
      expect(isRules(rules)).to.equal(false)
    })

  it('set no header that frames an answer, or is the router’s own', () => {
    const names = ['x-a', 'server', 'strict-transport-security', 'content-type', 'set-cookie', 'cache-control']
    expect(names.every(isSettable)).to.equal(true)
    const not = ['content-length', 'transfer-encoding', 'connection', 'te', 'trailer', 'upgrade', 'keep-alive']
    const nor = [
      'x-request-id',
      'x-forwarded-for',
      'proxy-authenticate',
      'host',
      'date',
      'a b',
      'a:',
      '',
      'ä',
      'content-encoding',
    ]
    expect([...not, ...nor].filter(isSettable)).to.deep.equal([])
  })

  it('have values of one line', () => {
    expect(['', 'a', 'a\tb', 'ü'].every(isHeaderValue)).to.equal(true)
    expect(['a\nb', 'a\rb', '\0', '€', 'a'.repeat(2_001)].filter(isHeaderValue)).to.deep.equal([])
  })
})
