import { expect } from 'chai'
import type { AskedVariable } from '../../src/app-json/app-json.js'
import { variablesAsked } from '../../src/app-json/variables.js'
import { BerthError } from '../../src/errors.js'

const asked = (more: Partial<AskedVariable> = {}): AskedVariable => ({
  value: '',
  required: true,
  sync: false,
  ...more,
})

const refused = (env: Record<string, AskedVariable>, variables = {}): BerthError => {
  try {
    variablesAsked(env, variables)
  } catch (error) {
    if (error instanceof BerthError) return error
  }
  throw new Error('it was not refused')
}

describe('the config vars that app.json asks for', () => {
  it('are set where they are not, and where they are empty; what somebody has set stays', () => {
    const env = { A: asked({ value: '1' }), B: asked({ value: '2' }), C: asked({ value: '3' }) }
    expect(variablesAsked(env, { A: 'mine', B: '' })).to.deep.equal({ B: '2', C: '3' })
  })

  it('are set anew at each deploy where it says so', () => {
    expect(variablesAsked({ A: asked({ value: '1', sync: true }) }, { A: 'mine' })).to.deep.equal({ A: '1' })
  })

  it('have secrets of 64 hexadecimal digits, each another, made once', () => {
    const env = { A: asked({ generator: 'secret' }), B: asked({ generator: 'secret', sync: true }) }
    const { A = '', B = '' } = variablesAsked(env, {})
    expect([A, B].every((secret) => /^[0-9a-f]{64}$/.test(secret))).to.equal(true)
    expect(A).not.to.equal(B)
    expect(variablesAsked(env, { A, B })).to.deep.equal({})
  })

  it('are all named that are required and have no value', () => {
    const env = { A: asked(), B: asked({ required: false }), C: asked(), D: asked({ value: 'd' }) }
    const { message, hint } = refused(env, { C: '' })
    expect(message).to.equal('app.json asks for config vars that are not set: A, C')
    expect(hint).to.equal('set them with `berth config:set A=… C=…`, and push again')
    expect(refused({ A: asked() }).message).to.equal('app.json asks for a config var that is not set: A')
  })

  it('are neither asked for nor set where a service that the app is linked to gives them', () => {
    const env = {
      DATABASE_URL: asked(),
      CACHE_URL: asked({ value: 'redis://none', sync: true }),
      MODE: asked({ value: 'x' }),
    }
    expect(variablesAsked(env, {}, ['DATABASE_URL', 'CACHE_URL'])).to.deep.equal({ MODE: 'x' })
    expect(() => variablesAsked(env, {}, ['CACHE_URL'])).to.throw('DATABASE_URL')
  })

  it('that cannot be config vars are refused, never with their values', () => {
    for (const [name, value] of [
      ['A-B', 'secret'],
      ['BERTH_ROOT', 'secret'],
      ['A', 'secret\0'],
      ['PORT', 'secret'],
      ['A', `secret${'x'.repeat(200_000)}`],
    ] as const) {
      const { fault, message } = refused({ [name]: asked({ value }) })
      expect(fault).to.be.oneOf(['invalid', 'large'])
      expect(message).to.include(name).and.not.to.include('secret')
    }
  })

  it('are none that every object has', () => {
    expect(variablesAsked({ constructor: asked({ value: '1' }) }, {})).to.deep.equal({ constructor: '1' })
  })
})
