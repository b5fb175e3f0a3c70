import { expect } from 'chai'
import { registryReason } from '../../src/buildpacks/registry-reason.js'

describe('why a build failed whose registry did not answer', () => {
  it('names the registry, by the line that says so or those before it', () => {
    const one = registryReason(['npm error network request to https://user:pw@npm.example.com/x failed: ETIMEDOUT'])
    expect(one).to.match(/^npm\.example\.com did not answer in time: /)
    const other = registryReason(['Retrying: connection to pypi.example.org', 'ReadTimeout', 'exit 1'])
    expect(other).to.match(/^pypi\.example\.org did not answer in time: ReadTimeout\n/)
  })

  it('says that it was one where no line names it, and nothing where none was silent', () => {
    expect(registryReason(['dial tcp: i/o timeout'])).to.match(/^a registry did not answer in time: dial tcp/)
    expect(registryReason(['404 Not Found: https://npm.example.com/x'])).to.equal(null)
  })
})
