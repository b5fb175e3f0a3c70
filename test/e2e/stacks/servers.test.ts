import { once } from 'node:events'
import { expect } from 'chai'
import { WebSocket } from 'ws'
import { instance, type Instance } from '../instance.js'
import { patience, pushed, pushedExample } from './example.js'

describe('Servers on Node.js', () => {
  let berth: Instance
  before(async function () {
    this.timeout(patience)
    berth = await instance()
  })

  /** A visitor of the chat, who was welcomed. */
  async function visitor(app: string): Promise<{ socket: WebSocket; heard: () => Promise<string> }> {
    const socket = new WebSocket(`ws://127.0.0.1:${String(berth.config.httpPort)}/room`, {
      headers: { Host: berth.config.appHost(app) },
    })
    const heard = async (): Promise<string> => ((await once(socket, 'message')) as [Buffer])[0].toString()
    expect(await heard()).to.equal('Welcome')
    return { socket, heard }
  }

  it('chat over WebSockets, and say goodbye before a release replaces them', async function () {
    this.timeout(patience)
    const { repo, app } = await pushedExample(berth, await berth.example('websocket-chat'))
    expect((await berth.curl(app)).body).to.include('<title>Chat</title>')
    const [ann, bob] = [await visitor(app), await visitor(app)]
    const both = Promise.all([ann.heard(), bob.heard()])
    ann.socket.send('Hello, Bob')
    expect(await both).to.deep.equal(['Hello, Bob', 'Hello, Bob'])
    const left = once(bob.socket, 'close') as Promise<[number, Buffer]>
    await repo.commit({ 'index.html': '<title>Another chat</title>' })
    expect(await pushed(berth, repo)).not.to.match(/added \d+ packages/)
    const [code, reason] = await left
    expect([code, String(reason)]).to.deep.equal([1001, 'the server restarts'])
    expect((await berth.curl(app)).body).to.equal('<title>Another chat</title>')
    ann.socket.terminate()
  })

  it('are one of two apps of a workspace of pnpm, and the site is the other', async function () {
    this.timeout(patience)
    const example = async () => berth.example('pnpm-workspace')
    const api = await pushedExample(berth, await example(), ['builds:set', 'dir=apps/api'])
    expect((await berth.curl(api.app)).body).to.equal('{"greeting":"Hello from the API"}')
    const site = await pushedExample(berth, await example(), ['builds:set', 'dir=apps/site'])
    expect((await berth.curl(site.app)).body).to.include('<title>Hello from the site</title>')
    await api.repo.commit({ 'packages/greeting/greeting.js': 'export const greet = (who) => `Hi from ${who}`\n' })
    await pushed(berth, api.repo)
    expect((await berth.curl(api.app)).body).to.equal('{"greeting":"Hi from the API"}')
  })
})
