import { CommanderError } from 'commander'
import { expect } from 'chai'
import { exitCodeOf, formatFailure, UsageError } from '../../src/cli/failure.js'
import { fields, formatAgo, table } from '../../src/cli/output.js'
import { appOfRemote } from '../../src/cli/repository.js'
import { BerthError } from '../../src/errors.js'

describe('a table', () => {
  it('has columns as wide as their widest cell, colours not counted, and nothing at the end of a line', () => {
    const red = '\u001b[31mred\u001b[39m'
    expect(
      table([
        [red, 'x'],
        ['longer', 'y', ''],
        ['ü', 'z'],
      ]),
    ).to.equal(`${red}     x\nlonger  y\nü       z`)
  })

  it('of fields keeps values of several lines as they are', () => {
    expect(
      fields([
        ['A', 'x\ny'],
        ['LONG', ''],
      ]),
    ).to.equal('A:     x\ny\nLONG:')
  })
})

describe('a time ago', () => {
  it('is in the largest unit that fits', () => {
    const now = Date.parse('2026-01-02T00:00:00Z')
    const ago = (seconds: number): string => formatAgo(new Date(now - seconds * 1000).toISOString(), now)
    expect([0, 59, 60, 3599, 3600, 90_000].map(ago)).to.deep.equal(
      ['0s', '59s', '1m', '59m', '1h', '1d'].map((text) => `~ ${text} ago`),
    )
  })
})

describe('a failure', () => {
  it('says what is so, and on a line of its own what to do', () => {
    expect(formatFailure(new BerthError('missing', 'no app named "x"', 'run `berth apps`'))).to.equal(
      ' ▸    no app named "x"\n ▸    run `berth apps`\n',
    )
    expect(formatFailure(new CommanderError(1, 'x', "error: unknown command 'appz'\n(Did you mean apps?)"))).to.equal(
      " ▸    unknown command 'appz'\n ▸    Did you mean apps?\n",
    )
  })

  it('is exit code 1, 2 when the command line is wrong, 0 for help', () => {
    expect(exitCodeOf(new BerthError('invalid', 'x'))).to.equal(1)
    expect(exitCodeOf(new Error('x'))).to.equal(1)
    expect(exitCodeOf(new UsageError('x'))).to.equal(2)
    expect(exitCodeOf(new CommanderError(1, 'x', 'x'))).to.equal(2)
    expect(exitCodeOf(new CommanderError(0, 'x', 'x'))).to.equal(0)
  })
})

describe("a git remote's app", () => {
  const berth = 'http://berth.localhost:8080'
  it('is the last word of its URL', () => {
    expect(appOfRemote(`${berth}/blog.git`, berth)).to.equal('blog')
    expect(appOfRemote(`${berth}/blog`, berth)).to.equal('blog')
    expect(appOfRemote('http://x:y@berth.localhost:8080/blog.git', berth)).to.equal('blog')
  })

  it('is none on another server', () => {
    for (const url of [
      'http://berth.localhost/blog.git',
      'git@host:blog.git',
      '/srv/blog.git',
      `${berth}/a/b.git`,
      berth,
    ])
      expect(appOfRemote(url, berth), url).to.equal(null)
  })
})
