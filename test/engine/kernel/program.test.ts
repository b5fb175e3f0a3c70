import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { releaseProgram } from '../../../src/engine/kernel/program.js'

describe('the program of a process', () => {
  /** kB that are mapped of files. */
  const mapped = (): number => Number(/^RssFile:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  /** A process that has just started has mapped more than twice that. */
  const much = 20_000

  it('is given back, and comes again as it is used', () => {
    releaseProgram()
    expect(mapped()).to.be.above(0).and.below(much)
    for (let n = 0; n < 10; n++) releaseProgram()
    expect(JSON.stringify({ still: new Date(0) })).to.equal('{"still":"1970-01-01T00:00:00.000Z"}')
    expect(mapped()).to.be.below(much)
  })
})
