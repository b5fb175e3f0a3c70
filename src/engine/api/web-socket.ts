import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { EngineError } from '../errors.js'

/** Bytes of one message of a client's: it is held until it is whole. */
const longestMessage = 16 * 1024 * 1024

/**
 * Answers the handshake of a WebSocket (RFC 6455): what comes in messages of either kind is read, what is written goes in
 * binary ones, and its end is a farewell behind what was written; it closes when the client has done so too. Of one that fails nothing has been written.
 * @param headers of the answer
 * @throws EngineError `invalid` for what is no such handshake
 */
export async function openWebSocket(
  request: IncomingMessage,
  socket: Socket,
  headers: Readonly<Record<string, string>>,
): Promise<Duplex> {
  const { createWebSocketStream, WebSocketServer } = await import('ws')
  const server = new WebSocketServer({ noServer: true, maxPayload: longestMessage, perMessageDeflate: false })
  server.on('headers', (lines) => lines.push(...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)))
  return new Promise((resolve, reject) => {
    const left = (): void => reject(new Error('the client has left'))
    socket.once('close', left)
    server.once('wsClientError', ({ message }) => reject(new EngineError('invalid', message)))
    server.handleUpgrade(request, socket, Buffer.alloc(0), (webSocket) => {
      socket.off('close', left)
      const stream = createWebSocketStream(webSocket)
      stream.on('error', () => stream.destroy())
      // a client that has left reads no more, and its input still does
      webSocket.once('close', () => stream.end())
      // once all is written, and with a status, which ws itself leaves out
      const finish = stream._final.bind(stream)
      stream._final = (done) => {
        webSocket.close(1000)
        finish(done)
      }
      resolve(stream)
    })
  })
}
