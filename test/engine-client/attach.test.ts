import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { attachToContainer } from '../../src/engine-client/attach.js'
import { failure, refusing, standIn, type StandIn } from './rig.js'

describe('attaching to a container', () => {
  let engine: StandIn
  beforeEach(async () => {
    engine = await standIn()
  })
  afterEach(() => engine[Symbol.asyncDispose]())

  const welcome = 'HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n'
  const open = (take: (socket: Duplex) => void) => {
    const asked: string[] = []
    const opened = engine.open(refusing(500, 'no upgrade'), (url, socket) => {
      asked.push(url)
      take(socket)
    })
    return opened.then(() => asked)
  }

  it('loses nothing of what came with the answer', async () => {
    await open((socket) => socket.end(`${welcome}early`))
    expect(await text(await attachToContainer(engine.engineSocket, 'a', false))).to.equal('early')
  })

  it('carries what is typed, its end alone, and what is said after that', async () => {
    const asked = await open((socket) => {
      socket.write(welcome)
      void text(socket).then((typed) => socket.end(`heard ${typed}`))
    })
    const stream = await attachToContainer(engine.engineSocket, 'a', true)
    stream.end('\0\xff\n')
    expect(await text(stream)).to.equal('heard \0\xff\n')
    expect(asked).to.deep.equal(['/containers/a/attach?stream=1&stdout=1&stderr=1&stdin=1&detachKeys=%FF,%FF'])
  })

  it('asks for no input where the command has none', async () => {
    const asked = await open((socket) => socket.end(welcome))
    await attachToContainer(engine.engineSocket, 'b', false)
    expect(asked).to.deep.equal(['/containers/b/attach?stream=1&stdout=1&stderr=1'])
  })

  it('says when the engine will not, or is away', async () => {
    await engine.open(refusing(404, 'no such container'))
    expect(await failure(attachToContainer(engine.engineSocket, 'a', true))).to.match(/would not attach \(HTTP 404\)/)
    await engine.close()
    expect(await failure(attachToContainer(engine.engineSocket, 'a', true))).to.include({ code: 'ENOENT' })
  })

  it('survives an engine that is killed', async () => {
    let held: Duplex | undefined
    await open((socket) => {
      held = socket
      socket.write(welcome)
    })
    const stream = await attachToContainer(engine.engineSocket, 'a', true)
    held?.destroy()
    await once(stream.resume(), 'close')
    stream.write('to nobody')
  })
})
