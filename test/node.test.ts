import { version } from 'node:process'
import { expect } from 'chai'
import packageJson from '../package.json' with { type: 'json' }

describe('Node.js', () => {
  const { optionalDependencies: brought, engines } = packageJson

  it('is of one exact version on every architecture', () => {
    const versions = new Set(Object.values(brought))
    expect([...versions])
      .to.have.length(1)
      .and.to.satisfy(([one = '']: string[]) => /^24\.\d+\.\d+$/.test(one))
    expect(engines.node).to.equal('>=24')
  })

  it('is what came with the packages, whatever is installed on the machine', () => {
    expect([version]).to.deep.equal([...new Set(Object.values(brought))].map((one) => `v${one}`))
  })
})
