import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { openBuilderLab, type BuilderLab } from './builder-lab.js'
import { base, oracle } from './harness.js'

describe('a build that does not end', function () {
  if (process.getuid?.() !== 0 || oracle) return // dockerd waits for ever
  let lab: BuilderLab
  /** Takes connections and says nothing, as a mirror that stalls. */
  let mirror: Server
  before(async () => {
    lab = await openBuilderLab({ flags: ['--build-time', '5'] })
    mirror = createServer().listen(0, '127.0.0.1')
    await once(mirror, 'listening')
  })
  after(async () => {
    mirror.close()
    await lab[Symbol.asyncDispose]()
  })

  const stalls = {
    'a RUN that heeds no signal': 'RUN trap "" TERM INT; while :; do sleep 1; done',
    'an ADD whose server says nothing': 'ADD http://127.0.0.1:PORT/file /file',
  }
  for (const [what, step] of Object.entries(stalls))
    it(`is ended when its time is over: ${what}`, async () => {
      const { port } = mirror.address() as AddressInfo
      const since = Date.now()
      const failed = await lab.build(
        { Dockerfile: `FROM ${base}\n${step.replace('PORT', String(port))}\n` },
        ...['-t', 'late', '--network', 'host'],
      )
      expect(failed.code, failed.stdout).to.equal(1)
      expect(failed.stderr).to.include('the build took longer than 5 seconds')
      expect(Date.now() - since).to.be.within(5000, 20_000)
      expect((await lab.docker('image', 'inspect', 'late')).code).to.equal(1)
      const good = await lab.build({ Dockerfile: `FROM ${base}\nRUN echo fine\n` })
      expect(good.code, good.stderr).to.equal(0)
    })
})
