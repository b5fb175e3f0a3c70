import { expect } from 'chai'
import { rustStack } from '../../../src/stacks/rust/stack.js'

describe('the stack of Rust', () => {
  it('makes the images of every version, slim or not', () => {
    const names = ['rust', 'rust:latest', 'rust:1-slim-bookworm', 'docker.io/library/rust:1.85', 'rust:1.85.1-slim']
    expect(names.map((name) => rustStack.versionOf(name))).to.deep.equal(['1', '1', '1', '1.85', '1.85.1'])
    for (const name of [
      'rust:1-alpine',
      'my/rust:1',
      'rust:1.85-slim-trixie',
      'rusty',
      'rust:nightly',
      'rust:1;reboot',
    ])
      expect(rustStack.versionOf(name), name).to.equal(null)
  })

  it('is made again in another month, of the compiler that is asked for or the next', async () => {
    const parts = await rustStack.parts('', '1.85')
    expect(parts).to.have.keys('rust', 'of')
    await using source = await rustStack.source('', parts)
    expect(source.dockerfile)
      .to.include(`LABEL berth.stack.parts="rust@1.85 of@${parts.of ?? ''}"`)
      .and.include('\nwanted=1.85\n')
    expect(rustStack.describe(parts)).to.equal('Rust 1.85, or the next newer one of Debian')
    expect(rustStack.describe({ rust: '1' })).to.equal("Debian's newest Rust")
  })
})
