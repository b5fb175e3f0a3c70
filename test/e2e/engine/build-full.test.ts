import { expect } from 'chai'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'

describe('a build on a full disk', function () {
  if (process.getuid?.() !== 0) return
  let lab: BuilderLab
  before(async () => (lab = await openBuilderLab({ disk: '130m' })))
  after(() => lab[Symbol.asyncDispose]())

  const good = { Dockerfile: 'FROM debian:bookworm-slim\nCOPY x /x\nRUN cat /x\n', x: 'X' }

  it('of a context too large says so and leaves room for the next', async () => {
    const { code, stderr } = await lab.build({ ...good, x: 'x'.repeat(60_000_000) }, '-t', 'wrong')
    expect(code).to.equal(1)
    expect(stderr).to.include('no space left on device')
    expect((await lab.docker('images', '-q', 'wrong')).stdout).to.equal('')
    expect((await lab.build(good)).code).to.equal(0)
  })

  it('of a RUN that writes too much says so, be it the engine or the command that finds out first', async () => {
    const dockerfile = 'FROM debian:bookworm-slim\nRUN head -c 90000000 /dev/zero > /big\n'
    const { code, stdout, stderr } = await lab.build({ Dockerfile: dockerfile }, '--force-rm', '-t', 'wrong')
    expect(code).to.equal(1)
    expect(stdout + stderr).to.match(/no space left on device/i)
    expect((await lab.docker('images', '-q', 'wrong')).stdout).to.equal('')
    expect((await lab.build(good)).code).to.equal(0)
  })
})
