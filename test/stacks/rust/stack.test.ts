import { expect } from 'chai'
import { rustStack } from '../../../src/stacks/rust/stack.js'

describe('the stack of Rust', () => {
  it('makes the images of every version, slim or not', () => {
    const names = [
      'rust',
      'rust:1-slim-bookworm',
      'docker.io/library/rust:1.85',
      'rust:1.85.1-slim-trixie',
      'rust:slim',
    ]
    const tags = names.map((name) => rustStack.versionOf(name) ?? '')
    expect(tags).to.deep.equal(['latest', '1-slim-bookworm', '1.85', '1.85.1-slim-trixie', 'slim'])
    for (const name of [
      'rust:1-alpine',
      'my/rust:1',
      'rust:1.85-bullseye',
      'rust:2',
      'rusty',
      'rust:nightly',
      'rust:1;reboot',
    ])
      expect(rustStack.versionOf(name), name).to.equal(null)
  })

  it('is made again in another month, of the compiler that is asked for or the next', async () => {
    const parts = await rustStack.parts('', '1.85-slim')
    expect(parts).to.have.keys('rust', 'of')
    await using source = await rustStack.source('', parts)
    expect(source.dockerfile)
      .to.include(`LABEL berth.stack.parts="rust@1.85 of@${parts.of ?? ''}"`)
      .and.include('\nwanted=1.85\n')
    expect(rustStack.describe(parts)).to.equal('Rust 1.85, or the next newer one of Debian')
    const whole = await rustStack.parts('', '1-trixie')
    expect(whole).to.deep.include({ rust: '1', debian: 'trixie', with: 'compilers' })
    await using newer = await rustStack.source('', whole)
    expect(newer.dockerfile)
      .to.match(/^FROM debian:trixie-slim\n/)
      .and.include('madison rustc-web rustc |')
      .and.include(' libyaml-dev ')
    expect(rustStack.describe({ rust: '1' })).to.equal("Debian's newest Rust")
  })
})
