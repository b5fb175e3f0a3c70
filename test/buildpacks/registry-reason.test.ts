import { expect } from 'chai'
import { registryReason } from '../../src/buildpacks/registry-reason.js'

describe('why a build failed whose registry did not answer', () => {
  it('names the registry, by the line that says so or those before it', () => {
    const one = registryReason(['npm error network request to https://user:pw@npm.example.com/x failed: ETIMEDOUT'])
    expect(one).to.match(/^npm\.example\.com did not answer in time: /)
    const other = registryReason(['Retrying: connection to pypi.example.org', 'ReadTimeout', 'exit 1'])
    expect(other).to.match(/^pypi\.example\.org did not answer in time: ReadTimeout\n/)
  })

  it('names one that DNS does not know', () => {
    for (const line of [
      'Error: request to https://x.example/y failed, reason: getaddrinfo ENOTFOUND bin.example.org',
      'curl: (6) Could not resolve host: bin.example.org',
      'dial tcp: lookup bin.example.org: no such host',
      'Caused by: java.net.UnknownHostException: bin.example.org',
    ])
      expect(registryReason(['a', line, 'exit 1']), line).to.match(/^bin\.example\.org is not known to DNS here: /)
  })

  it('says that it was one where no line names it, and nothing where none was silent', () => {
    expect(registryReason(['dial tcp: i/o timeout'])).to.match(/^a registry did not answer in time: dial tcp/)
    expect(registryReason(['404 Not Found: https://npm.example.com/x'])).to.equal(null)
  })
})
