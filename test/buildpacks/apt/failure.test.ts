import { expect } from 'chai'
import { aptReason } from '../../../src/buildpacks/apt/failure.js'

describe('why apt-get failed', () => {
  for (const [line, words] of [
    ['E: Unable to locate package libfoo', 'Debian has no package libfoo:'],
    ["E: Version '9.9' for 'curl' was not found", 'Debian has curl, but not in the version that is asked for:'],
    ["E: Package 'python' has no installation candidate", 'Debian has no package python that can be installed:'],
    ["E: Couldn't find any package by glob 'libx.y'", 'Debian has no package libx.y:'],
  ] as const)
    it(`is read from: ${line}`, () => {
      const reason = aptReason(['Reading package lists...', `  ${line}`, 'The command returned a non-zero code: 100'])
      expect(reason?.startsWith(words), String(reason)).to.equal(true)
      expect(reason).to.include('Aptfile')
    })

  it('is not told by other lines', () => {
    expect(aptReason(['E: Some index files failed to download', 'echo E: Unable to locate package x'])).to.equal(null)
  })
})
