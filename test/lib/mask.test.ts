import { expect } from 'chai'
import { masked, secretsOf } from '../../src/lib/mask.js'

describe('what a log does not show', () => {
  const shown = (text: string, config: Record<string, string>, reach = {}): string =>
    masked(text, secretsOf(config, reach))

  it('is the value of a config var whose name says so, or that builds alone have', () => {
    expect(shown('a abcdefgh b', { NPM_TOKEN: 'abcdefgh' })).to.equal('a [secret] b')
    expect(shown('a abcdefgh b', { TITLE: 'abcdefgh' })).to.equal('a abcdefgh b')
    expect(shown('a abcdefgh b', { TITLE: 'abcdefgh' }, { TITLE: 'build' })).to.equal('a [secret] b')
    expect(shown('a abcdefgh b', { TITLE: 'abcdefgh' }, { TITLE: 'run' })).to.equal('a abcdefgh b')
    expect(shown('constructor', { constructor: 'constructor' })).to.equal('constructor')
  })

  it('is it in all the ways that it is written', () => {
    const config = { KEY: 'BEGIN ab\nline/two+\nEND ab', DATABASE_URL: 'postgres://u:hunter2x@db.internal/app' }
    expect(shown('line/two+', config)).to.equal('[secret]')
    expect(shown('password hunter2x for u', config)).to.equal('password [secret] for u')
    expect(shown(encodeURIComponent(config.KEY), config)).to.equal('[secret]')
    expect(shown(Buffer.from(config.KEY).toString('base64'), config)).to.match(/^\[secret\]=*$/)
    expect(shown('xabcdefghi', { A_KEY: 'abcdef', B_KEY: 'abcdefghi' })).to.equal('x[secret]')
    expect(shown('x \ud800abcdef', { KEY: '\ud800abcdef' })).to.equal('x [secret]')
  })

  it('is no ordinary text', () => {
    for (const value of [
      ...[
        '',
        'true',
        'short',
        '1',
        '8080',
        '123456789',
        'production',
        'SECRET',
        'https://example.com',
        'http://db:80/',
      ],
    ])
      expect(shown(`it is ${value}`, { A_KEY: value }, { A_KEY: 'build' })).to.equal(`it is ${value}`)
    expect(shown('https://example.com/hook/abc', { HOOK_URL: 'https://example.com/hook/abc' })).to.equal('[secret]')
    expect(shown('1234567890', { PIN_KEY: '1234567890' })).to.equal('[secret]')
  })
})
