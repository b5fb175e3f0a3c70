import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { PushAnswer } from '../../src/git/answer.js'
import { flush, packetAt, pkt } from '../../src/git/pkt-line.js'

describe('the answer to a push', () => {
  let server: Server
  let arrived: PromiseWithResolvers<ServerResponse>
  before(async () => {
    server = createServer((_, response) => arrived.resolve(response)).listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  after(() => {
    server.close()
    server.closeAllConnections()
  })

  const ref = 'refs/heads/main'
  const about = {
    commands: [{ ref, old: '', new: '' }],
    capabilities: new Set(['report-status', 'side-band-64k']),
    limits: { memory: 256 * 1024 * 1024, seconds: 60, size: 1, tree: 1, files: 1 },
  }
  /** An answer, and where its reader reads it. */
  const open = async (to: typeof about | null = about, stallMs = 5_000) => {
    arrived = Promise.withResolvers()
    const { port } = server.address() as AddressInfo
    const asked = get({ port, host: '127.0.0.1', agent: false })
    const reader = once(asked, 'response') as Promise<[IncomingMessage]>
    reader.catch(() => undefined) // hung up on
    const response = await arrived.promise
    return { answer: new PushAnswer(response, to, stallMs), response, reader }
  }
  /** What the pusher's git makes of it: the words, and the report, by channel. */
  const read = async (reader: Promise<[IncomingMessage]>): Promise<{ words: string; report: string }> => {
    const bytes = await buffer((await reader)[0])
    const channels = new Map<number | undefined, string>()
    for (let at = 0; at < bytes.length;) {
      const packet = packetAt(bytes, at)
      if (!packet) throw new Error('a packet is cut')
      if (packet.payload) {
        const channel = packet.payload[0]
        channels.set(channel, `${channels.get(channel) ?? ''}${packet.payload.toString('utf8', 1)}`)
      }
      at = packet.next
    }
    return { words: channels.get(2) ?? '', report: channels.get(1) ?? '' }
  }
  const band = (channel: 1 | 2, text: string | Buffer) =>
    pkt(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]))
  const done = '000eunpack ok\n'

  it('is git’s own, however that is cut', async () => {
    const bytes = Buffer.concat([band(2, 'é says the app\n'), band(1, ''), band(1, done), flush])
    for (const size of [1, 3, bytes.length]) {
      const { answer, reader } = await open()
      for (let at = 0; at < bytes.length; at += size) answer.write(bytes.subarray(at, at + size))
      answer.end()
      expect(await read(reader)).to.deep.equal({ words: 'é says the app\n', report: done })
    }
  })

  it('explains what git ran into', async () => {
    const { answer, reader } = await open()
    answer.write(band(2, 'fatal: Out of mem'))
    answer.write(band(2, 'ory, malloc failed\n'))
    answer.write(band(1, '0024unpack index-pack abnormal exit\n'))
    answer.end(flush)
    const { words, report } = await read(reader)
    expect(words).to.match(/malloc failed\n ! {5}git needs more than 256 MiB of memory/)
    expect(report).to.match(/abnormal exit/)
  })

  it('is a refusal where git ended without a report', async () => {
    const { answer, reader } = await open()
    answer.end(band(2, 'Unpacking'))
    const { words, report } = await read(reader)
    expect(words).to.match(/^Unpacking ! {5}git was ended while it unpacked this push/)
    expect(report).to.include(`ng ${ref} git was ended`)
  })

  it('is refused once, and git’s words go nowhere from then on', async () => {
    const { answer, reader } = await open()
    await answer.refuse({ message: 'too large', hint: 'push less' })
    await answer.refuse({ message: 'again', hint: '' })
    answer.write(band(2, 'more'))
    answer.end(band(1, done))
    expect(await read(reader)).to.deep.equal({
      words: ' !     too large\n !     push less\n',
      report: `${done}0021ng ${ref} too large\n0000`,
    })
  })

  it('is not refused any more when git has reported', async () => {
    const { answer, reader } = await open()
    answer.write(Buffer.concat([band(1, done), flush]))
    await answer.refuse({ message: 'too late', hint: '' })
    answer.end()
    expect((await read(reader)).report).to.equal(done)
  })

  it('is broken off where its reader asked for no sideband', async () => {
    const { answer, response } = await open({ ...about, capabilities: new Set(['report-status']) })
    answer.write('as it is')
    await answer.refuse({ message: 'x', hint: 'y' })
    expect(response.destroyed).to.equal(true)
  })

  it('ends after what is to be done before its end', async () => {
    const { answer, reader, response } = await open()
    const order: string[] = []
    answer.beforeEnd(async () => {
      await new Promise((resolve) => setImmediate(resolve))
      order.push(response.writableEnded ? 'late' : 'before')
    })
    answer.end(Buffer.concat([band(1, done), flush]))
    await read(reader)
    expect(order).to.deep.equal(['before'])
  })

  it('goes no faster than it is read, and not on for one who does not read', async () => {
    const { answer, response } = await open(null, 100) // its reader takes the head, and nothing more
    const closed = once(response, 'close')
    const piece = Buffer.alloc(1024 * 1024)
    let taken = 0
    while (!response.destroyed && taken < 64) {
      await new Promise((resolve) => answer.write(piece, resolve))
      taken += 1
    }
    await closed
    expect(taken).to.be.lessThan(64)
    // and whoever writes is not held up by it
    await new Promise((resolve) => answer.write(piece, resolve))
  })
})
