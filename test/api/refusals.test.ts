import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { expect } from 'chai'
import { answerToFault, answerToRefusal, sendRaw } from '../../src/api/refusals.js'
import { BerthError } from '../../src/errors.js'

describe('a refusal on a bare socket', () => {
  /** What a client reads to the end when the server does that with its connection. */
  const read = async (answer: (socket: Socket) => void): Promise<string> => {
    const server = createServer({ allowHalfOpen: true }, answer).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    try {
      return (await buffer(client)).toString()
    } finally {
      server.close()
    }
  }

  it('is a whole answer of HTTP, and the end of the connection', async () => {
    const text = await read((socket) => sendRaw(socket, answerToFault(new BerthError('missing', 'kein Schiff: ⚓'))))
    const [head = '', body = ''] = text.split('\r\n\r\n')
    expect(head).to.match(/^HTTP\/1\.1 404 Not Found\r\n/)
    expect(/content-length: (\d+)/i.exec(head)?.[1]).to.equal(String(Buffer.byteLength(body)))
    expect(JSON.parse(body)).to.deep.equal({ fault: 'missing', message: 'kein Schiff: ⚓', hint: null })
  })

  it('says of each reason what is wrong, with its status', async () => {
    const reasons = {
      ...{ 'bad-request': 400, 'client-too-slow': 408, 'no-such-method': 405, 'no-such-expectation': 417 },
      ...{ 'headers-too-large': 431, 'no-such-encoding': 501, 'no-such-version': 505 },
    } as const
    for (const [why, status] of Object.entries(reasons)) {
      const answer = answerToRefusal(why as keyof typeof reasons)
      expect(answer.status, why).to.equal(status)
      const text = await read((socket) => sendRaw(socket, answer))
      expect(text, why).to.match(new RegExp(`^HTTP/1\\.1 ${status} \\w`))
    }
  })

  it('of a client that is gone is nothing but the end of its socket', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [socket] = (await once(server, 'connection')) as [Socket]
    socket.end()
    sendRaw(socket, answerToRefusal('bad-request'))
    expect(socket.destroyed).to.equal(true)
    client.destroy()
    server.close()
  })
})
