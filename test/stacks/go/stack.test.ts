import { expect } from 'chai'
import { goStack } from '../../../src/stacks/go/stack.js'

describe('the stack of Go', () => {
  it('makes the images of every line and release', () => {
    const versions = ['golang:1.22-bookworm', 'docker.io/library/golang:1.27', 'golang:1.23.4-bookworm'].map((name) =>
      goStack.versionOf(name),
    )
    expect(versions).to.deep.equal(['1.22-bookworm', '1.27', '1.23.4-bookworm'])
    for (const name of ['golang:1.22-alpine', 'my/golang:1.22', 'golang:2', 'golang:1.22-slim'])
      expect(goStack.versionOf(name), name).to.equal(null)
  })

  it('is made again in another month for a line, and never for a release', async () => {
    expect(await goStack.parts('', '1.23.4')).to.deep.equal({ go: '1.23.4' })
    const line = await goStack.parts('', '1.23')
    expect(line.of).to.match(/^\d{4}-\d\d$/)
    await using source = await goStack.source('', line)
    expect(source.dockerfile)
      .to.include(`LABEL berth.stack.parts="go@1.23 of@${line.of ?? ''}"`)
      .and.include('wanted=1.23 ')
    expect(await goStack.parts('', 'latest')).to.include({ go: '1' })
    await using newer = await goStack.source('', await goStack.parts('', '1.23.4-trixie'))
    expect(newer.dockerfile).to.include('\nFROM debian:trixie-slim\n')
  })
})
