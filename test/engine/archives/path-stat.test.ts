import { expect } from 'chai'
import { baseOf, follows, goMode } from '../../../src/engine/archives/path-stat.js'

describe('what a path is said to be', () => {
  it('has the bits of Go', () => {
    expect(goMode(0o100644)).to.equal(0o644)
    expect(goMode(0o104755)).to.equal(8389101) // as dockerd said of /usr/bin/su
    expect(goMode(0o041777)).to.equal(2148532735) // and of /tmp
    expect(goMode(0o120777)).to.equal(134218239)
    expect(goMode(0o010644)).to.equal(33554852)
  })

  it('is named as Go names it', () => {
    expect(['/', '//', '/a/', '/a/.', '/a/b', '/.'].map(baseOf)).to.deep.equal(['/', '/', 'a', '.', 'b', '.'])
  })

  it('is followed with a slash at its end', () => {
    expect(['/a', '/a/', '/a/.', '/a.', '/'].map(follows)).to.deep.equal([false, true, true, false, true])
  })
})
