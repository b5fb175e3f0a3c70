import { expect } from 'chai'
import { missingSecrets } from '../../src/builds/secrets.js'

describe('secrets that an app wants', () => {
  it('are made where it has none, as its framework writes them', () => {
    const made = missingSecrets({ SECRET_KEY_BASE: 'hex', APP_KEY: 'base64', KEPT: 'hex' }, { KEPT: '' })
    expect(Object.keys(made)).to.deep.equal(['SECRET_KEY_BASE', 'APP_KEY'])
    expect(made.SECRET_KEY_BASE).to.match(/^[0-9a-f]{128}$/)
    expect(made.APP_KEY).to.match(/^base64:[\w+/]{43}=$/)
    expect(missingSecrets({ SECRET_KEY_BASE: 'hex' }, {})).not.to.deep.equal({ SECRET_KEY_BASE: made.SECRET_KEY_BASE })
    expect(missingSecrets(undefined, {})).to.deep.equal({})
  })
})
