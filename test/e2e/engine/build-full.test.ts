import { expect } from 'chai'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { archive } from '../../engine/images/lab.js'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'
import { oracle } from './harness.js'

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

  it('of an ADD without an end, or an archive that is far larger than it is long, leaves what all others need', async () => {
    if (oracle) return
    // 16 MB/s, for the reserve of so small a disk is less than memory takes in between two looks at it
    const server = createServer((_, answer) => {
      const pours = setInterval(() => answer.write(Buffer.alloc(1 << 16)), 4)
      answer.once('close', () => clearInterval(pours))
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const dockerfile = `FROM scratch\nADD http://127.0.0.1:${port}/x /\n`
    const endless = await lab.build({ Dockerfile: dockerfile }, '--network=host')
    server.closeAllConnections()
    server.close()
    expect(endless.code).to.equal(1)
    expect(endless.stderr).to.include('before it took the last of the disk')
    const bomb = gzipSync(archive([{ name: 'zeros', content: Buffer.alloc(120_000_000) }]))
    const input = archive([
      { name: 'Dockerfile', content: 'FROM scratch\nADD bomb /\n' },
      { name: 'bomb', content: bomb },
    ])
    const { code, stderr } = await lab.with({ input }, 'build', '-')
    expect(code).to.equal(1)
    expect(stderr).to.include('no space left on device')
    expect((await lab.build(good)).code).to.equal(0)
  })
})
