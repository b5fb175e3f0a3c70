import { expect } from 'chai'
import { splitTrailingApp } from '../../src/cli/run.js'

describe('the words of `berth run`', () => {
  it('are the command, and an app at their end is ours', () => {
    expect(splitTrailingApp(['bash', '-a', 'blog'])).to.deep.equal({ command: ['bash'], app: 'blog' })
    expect(splitTrailingApp(['ls', '-l', '--app', 'my-blog'])).to.deep.equal({ command: ['ls', '-l'], app: 'my-blog' })
  })

  it('are the command alone where they could be meant for it', () => {
    for (const words of [
      [],
      ['ls'],
      ['ls', '-a'],
      ['-a', 'blog'],
      ['ls', '-a', '/etc'],
      ['ls', '-a', 'Blog'],
      ['ls', '-a', ''],
    ])
      expect(splitTrailingApp(words), words.join(' ')).to.deep.equal({ command: words })
    expect(splitTrailingApp(['ls', '-a', 'blog', '-l'])).to.deep.equal({ command: ['ls', '-a', 'blog', '-l'] })
    const words = ['ls']
    expect(splitTrailingApp(words).command).to.not.equal(words)
  })
})
