import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { HaproxyAway, Runtime } from '../../../plugins/haproxy/runtime.js'

describe('what is asked of HAProxy', () => {
  let dir: string
  before(async () => (dir = await mkdtemp(join(tmpdir(), 'berth-haproxy-'))))
  after(() => rm(dir, { recursive: true }))
  const failure = (runtime: Runtime): Promise<unknown> =>
    runtime.ask('show backend').then(
      (answer) => answer,
      (error: unknown) => error,
    )
  const listening = async (path: string, serve: Parameters<typeof createServer>[1]): Promise<Server> => {
    const server = createServer({ allowHalfOpen: true }, serve).listen(path)
    await once(server, 'listening')
    return server
  }

  it('is told apart from what cannot be asked, as it is away', async () => {
    expect(await failure(new Runtime(join(dir, 'nothing')))).to.be.instanceOf(HaproxyAway)
    const path = join(dir, 'one')
    const server = await listening(path, (socket) => socket.on('data', (asked) => socket.end(`heard ${String(asked)}`)))
    expect(await failure(new Runtime(path))).to.equal('heard @1 show backend\n')
    server.close()
  })

  it('fails otherwise where it says more than fits: nobody takes that for away', async () => {
    const path = join(dir, 'endless')
    const server = await listening(path, (socket) => {
      const piece = Buffer.alloc(1 << 20)
      const go = (): void => {
        while (!socket.destroyed && socket.write(piece));
      }
      socket.on('error', () => undefined).on('drain', go)
      go()
    })
    const failed = await failure(new Runtime(path))
    expect(failed).to.be.instanceOf(Error).and.not.instanceOf(HaproxyAway)
    expect((failed as Error).message).to.equal('HAProxy says more than fits')
    server.close()
  })
})
